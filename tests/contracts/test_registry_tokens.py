"""What opens the registry: passwords for us, tokens for it, and neither in the place of the other."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.adapters.registry_tokens import SignedTokens
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.registry import Access, Holder
from chalicelib.domain.secrets import Secret
from chalicelib.ports.registry import Claims
from tests.contracts.engines_home import engine_settings
from tests.contracts.oci import RealRegistry, now, real_registry
from tests.contracts.signers import Authority, Pair

NOW = datetime(2026, 5, 4, 12, 0, 0, 700_000, tzinfo=UTC)
WEEKS = timedelta(days=30)
SERVICE = Holder(service_id="5f0c")
PULL = (Access("acme/api", ("pull",)),)
MISSING = f"sha256:{'0' * 64}"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def signer(authority: Authority) -> Pair:
    return authority.issue("signer")


@pytest.fixture(scope="module")
def tokens(signer: Pair) -> SignedTokens:
    return signing(signer)


def signing(pair: Pair, *, issuer: str = "ancla", service: str = "registry") -> SignedTokens:
    return SignedTokens(issuer=issuer, service=service, key=pair.key, certificate=pair.certificate)


def password_of(tokens: SignedTokens) -> Secret:
    return tokens.make_password(SERVICE, PULL, now=NOW, good_for=WEEKS)


@pytest.mark.parametrize("holder", [SERVICE, Holder(service_id="5f0c", build=3)])
def test_a_password_says_for_whom_it_is_and_what_it_opens(tokens: SignedTokens, holder: Holder) -> None:
    access = (Access("acme/api", ("pull", "push")), Access("base/*", ("pull",)))
    password = tokens.make_password(holder, access, now=NOW, good_for=WEEKS)
    assert tokens.claims_of(password, now=NOW) == Claims(holder=holder, access=access, issued=NOW.replace(microsecond=0))


def test_a_password_counts_for_its_time_and_no_second_longer(tokens: SignedTokens) -> None:
    password, end = password_of(tokens), NOW.replace(microsecond=0) + WEEKS
    assert tokens.claims_of(password, now=end - timedelta(seconds=1)) is not None
    assert tokens.claims_of(password, now=end) is None


def test_clocks_may_differ_by_a_minute(tokens: SignedTokens) -> None:
    password = password_of(tokens)
    assert tokens.claims_of(password, now=NOW - timedelta(seconds=59)) is not None
    assert tokens.claims_of(password, now=NOW - timedelta(seconds=90)) is None


@pytest.mark.parametrize("forged", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "é.ü.ö"])
def test_what_was_made_up_says_nothing(tokens: SignedTokens, forged: str) -> None:
    assert tokens.claims_of(Secret(forged), now=NOW) is None


def test_a_password_of_another_key_issuer_or_registry_says_nothing(tokens: SignedTokens, signer: Pair, authority: Authority) -> None:
    for other in (signing(authority.issue("other")), signing(signer, issuer="elsewhere"), signing(signer, service="elsewhere")):
        assert tokens.claims_of(password_of(other), now=NOW) is None


def test_a_password_without_a_signature_says_nothing(tokens: SignedTokens) -> None:
    claims = jwt.decode(password_of(tokens).reveal(), options={"verify_signature": False})
    assert tokens.claims_of(Secret(jwt.encode(claims, "", "none")), now=NOW) is None


def test_a_token_is_no_password(tokens: SignedTokens) -> None:
    token = tokens.make_token("5f0c", PULL, now=NOW, good_for=WEEKS).token
    assert tokens.claims_of(token, now=NOW) is None


def test_a_token_is_as_the_registry_wants_it(tokens: SignedTokens, signer: Pair) -> None:
    bearer = tokens.make_token("5f0c", PULL, now=NOW, good_for=timedelta(minutes=5))
    text = bearer.token.reveal()
    certificate = x509.load_pem_x509_certificate(signer.certificate.read_bytes())
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    claims = jwt.decode(text, key, ["ES256"], {"verify_exp": False}, audience="registry", issuer="ancla")
    assert claims["access"] == [{"type": "repository", "name": "acme/api", "actions": ["pull"]}]
    assert claims["sub"] == "5f0c"
    assert claims["exp"] - claims["iat"] == bearer.seconds == 300
    assert claims["nbf"] == claims["iat"] == int(NOW.timestamp())
    header = jwt.get_unverified_header(text)
    assert (header["alg"], len(header["x5c"])) == ("ES256", 1)
    assert tokens.certificate == signer.certificate.read_text()


def test_the_whole_chain_goes_along_the_own_certificate_first(authority: Authority, signer: Pair, tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_bytes(signer.certificate.read_bytes() + authority.certificate.read_bytes())
    token = signing(replace(signer, certificate=chain)).make_token("5f0c", PULL, now=NOW, good_for=WEEKS).token
    assert len(jwt.get_unverified_header(token.reveal())["x5c"]) == 2


def test_key_and_certificate_that_cannot_be_used_are_noticed_at_once(authority: Authority, signer: Pair, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN NONSENSE-----")
    other, wide = authority.issue("other"), authority.issue("wide", curve=ec.SECP384R1())
    for pair, problem in [
        (Pair(tmp_path / "missing", signer.certificate), "No such file"),
        (Pair(signer.key, tmp_path / "missing"), "No such file"),
        (Pair(broken, signer.certificate), "no private key in PEM"),
        (Pair(signer.key, broken), "no certificate in PEM"),
        (Pair(signer.key, other.certificate), "that of another key"),
        (Pair(signer.key, authority.certificate), "that of another key"),
        (wide, "no key on the curve P-256"),
    ]:
        with pytest.raises(Unavailable, match=problem) as caught:
            signing(pair)
        assert caught.value.code == "registry_key_unusable"


# What a real registry makes of them.


@pytest.fixture
def real() -> Iterator[RealRegistry]:
    made = real_registry(engine_settings())
    yield made
    made.clear()


def test_a_token_pulls_its_own_repository_for_its_time_and_no_other(real: RealRegistry) -> None:
    own, other = f"acme/{uuid.uuid4().hex}", f"acme/{uuid.uuid4().hex}"
    digest = real.push(own, 1, "one")
    assert real.push(other, 1, "one") == digest
    minutes = timedelta(minutes=5)
    token = real.tokens.make_token("5f0c", [Access(own, ("pull",))], now=now(), good_for=minutes).token
    expired = real.tokens.make_token("5f0c", [Access(own, ("pull",))], now=now() - timedelta(hours=1), good_for=minutes).token
    nothing = real.tokens.make_token("5f0c", [], now=now(), good_for=minutes).token
    assert real.pull(own, digest, token) == 200
    assert real.pull(own, MISSING, token) == 404
    assert [real.pull(other, digest, token), real.pull(own, digest, expired), real.pull(own, digest, nothing)] == [401] * 3
    assert real.pull(own, digest, None) == 401


def test_the_registry_takes_no_password_for_a_token(real: RealRegistry) -> None:
    own = f"acme/{uuid.uuid4().hex}"
    digest = real.push(own, 1, "one")
    password = real.tokens.make_password(SERVICE, [Access(own, ("pull",))], now=now(), good_for=WEEKS)
    assert real.pull(own, digest, password) == 401


def test_the_registry_takes_no_token_of_another_authority(real: RealRegistry, authority: Authority) -> None:
    own = f"acme/{uuid.uuid4().hex}"
    digest = real.push(own, 1, "one")
    strange = signing(authority.issue("strange"), issuer=real.settings.issuer, service=real.settings.service)
    assert real.pull(own, digest, strange.make_token("5f0c", [Access(own, ("pull",))], now=now(), good_for=WEEKS).token) == 401

"""A password of the registry becomes a token while its holder counts, for what is allowed and asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jwt
import pytest

from chalicelib.adapters.registry_tokens import SignedTokens
from chalicelib.domain import keys
from chalicelib.domain.builds import Build, BuildState
from chalicelib.domain.errors import AnclaError, Invalid, Malformed, NotFound, Unauthorized
from chalicelib.domain.hierarchy import Service
from chalicelib.domain.lanes import Lane
from chalicelib.domain.registry import Access, Holder
from chalicelib.domain.runs import Request, RunKind
from chalicelib.domain.secrets import Secret
from chalicelib.pipeline.intents import accept
from chalicelib.ports.store import Put, get_one
from chalicelib.usecases.registry_tokens import signing_certificate, trade
from tests.contracts.signers import Authority, signed_tokens
from tests.world import World

OWN = "acme/shop/production/web/5f0c"
SCOPE = f"repository:{OWN}:pull"
WEEKS = timedelta(days=30)


@pytest.fixture
def tokens(world: World, tmp_path: Path) -> SignedTokens:
    """What the world's registry signs with."""
    made = signed_tokens(Authority(tmp_path))
    world.engines.registry_tokens = made
    return made


@pytest.fixture
def service(world: World) -> Service:
    """A service with a lane, as it has one from its first run on."""
    made = world.make_service()
    world.ports.store.commit([Put(Lane(service_id=made.id))])
    return made


def password_for(world: World, tokens: SignedTokens, holder: Holder, *actions: str) -> Secret:
    return tokens.make_password(holder, [Access(OWN, actions or ("pull",))], now=world.clock.now(), good_for=WEEKS)


def access_given(world: World, username: str, password: Secret, *scopes: str, service: str = "registry") -> list[dict[str, object]]:
    bearer = trade(world.ports, username=username, password=password, service=service, scopes=scopes)
    claims = jwt.decode(bearer.token.reveal(), options={"verify_signature": False})
    assert (claims["sub"], claims["exp"] - claims["iat"]) == (username, 300)
    access: list[dict[str, object]] = claims["access"]
    return access


def refusal(world: World, username: str, password: Secret) -> str:
    with pytest.raises(Unauthorized) as caught:
        trade(world.ports, username=username, password=password, service="registry", scopes=[SCOPE])
    assert caught.value.hint
    return caught.value.code


def test_a_service_gets_a_token_that_pulls_its_own_image(world: World, tokens: SignedTokens, service: Service) -> None:
    password = password_for(world, tokens, Holder(service_id=service.id))
    assert access_given(world, service.id, password, SCOPE) == [{"type": "repository", "name": OWN, "actions": ["pull"]}]


def test_what_is_not_allowed_is_left_out_and_no_error(world: World, tokens: SignedTokens, service: Service) -> None:
    password = password_for(world, tokens, Holder(service_id=service.id))
    asked = [f"repository:{OWN}:pull,push,delete", "repository:acme/other:pull"]
    assert access_given(world, service.id, password, *asked) == [{"type": "repository", "name": OWN, "actions": ["pull"]}]


def test_who_only_logs_in_gets_a_token_for_nothing(world: World, tokens: SignedTokens, service: Service) -> None:
    assert access_given(world, service.id, password_for(world, tokens, Holder(service_id=service.id)), service="") == []


def test_a_password_is_good_for_weeks_and_not_for_longer(world: World, tokens: SignedTokens, service: Service) -> None:
    password = password_for(world, tokens, Holder(service_id=service.id))
    world.clock.passes(days=29)
    assert access_given(world, service.id, password, SCOPE)
    world.clock.passes(days=1)
    assert refusal(world, service.id, password) == "registry_password_invalid"


@pytest.mark.parametrize("password", ["", "x", "a.b.c", "y" * 10_000])
def test_what_is_no_password_of_ours_opens_nothing(world: World, tokens: SignedTokens, service: Service, password: str) -> None:
    assert refusal(world, service.id, Secret(password)) == "registry_password_invalid"


def test_a_password_opens_nothing_under_another_name(world: World, tokens: SignedTokens, service: Service) -> None:
    other = world.make_service("other")
    password = password_for(world, tokens, Holder(service_id=service.id))
    for name in (other.id, "", f"{service.id}/v1"):
        assert refusal(world, name, password) == "registry_password_invalid"


def test_the_password_of_a_service_counts_until_it_is_torn_down(world: World, tokens: SignedTokens, service: Service) -> None:
    password = password_for(world, tokens, Holder(service_id=service.id))
    accept(world.ports, service, Request(kind=RunKind.TEARDOWN, by="ada"))
    lane = get_one(world.ports.store, keys.lane(service.id))
    assert lane is not None and lane.closed and lane.running
    assert access_given(world, service.id, password, SCOPE), "what is under way goes on to its end"
    world.ports.store.commit([Put(replace(lane, running=0))])
    assert refusal(world, service.id, password) == "registry_password_revoked"


def test_the_password_of_a_service_that_never_was_counts_not(world: World, tokens: SignedTokens) -> None:
    stranger = Holder(service_id="never-was")
    assert refusal(world, stranger.username, password_for(world, tokens, stranger)) == "registry_password_revoked"


@pytest.mark.parametrize("state", [BuildState.PENDING, BuildState.BUILDING])
def test_a_build_pushes_while_it_is_under_way(world: World, tokens: SignedTokens, service: Service, state: BuildState) -> None:
    holder = build_of(world, service, state)
    password = password_for(world, tokens, holder, "pull", "push")
    given = access_given(world, holder.username, password, f"repository:{OWN}:push,pull")
    assert given == [{"type": "repository", "name": OWN, "actions": ["push", "pull"]}]


@pytest.mark.parametrize("state", [BuildState.SUCCEEDED, BuildState.FAILED, BuildState.SUPERSEDED])
def test_the_password_of_a_build_ends_with_the_build(world: World, tokens: SignedTokens, service: Service, state: BuildState) -> None:
    holder = build_of(world, service, state)
    assert refusal(world, holder.username, password_for(world, tokens, holder, "push")) == "registry_password_revoked"


def test_the_password_of_a_build_that_never_was_counts_not(world: World, tokens: SignedTokens, service: Service) -> None:
    holder = Holder(service_id=service.id, build=9)
    assert refusal(world, holder.username, password_for(world, tokens, holder, "push")) == "registry_password_revoked"


@pytest.mark.parametrize(("registry", "scope", "error"), [("another", SCOPE, Invalid), ("registry", "nonsense", Malformed)])
def test_a_request_that_means_nothing_here_is_said_to_be_that(
    world: World, tokens: SignedTokens, service: Service, registry: str, scope: str, error: type[AnclaError]
) -> None:
    password = password_for(world, tokens, Holder(service_id=service.id))
    with pytest.raises(error):
        trade(world.ports, username=service.id, password=password, service=registry, scopes=[scope])


def test_an_embedded_registry_asks_for_no_tokens(world: World, service: Service) -> None:
    with pytest.raises(NotFound) as caught:
        trade(world.ports, username=service.id, password=Secret("x"), service="", scopes=[])
    assert caught.value.code == "registry_embedded"
    assert signing_certificate(world.ports) == ""


def test_the_certificate_is_that_of_the_signer(world: World, tokens: SignedTokens) -> None:
    assert signing_certificate(world.ports) == tokens.certificate
    assert tokens.certificate.startswith("-----BEGIN CERTIFICATE-----")


def build_of(world: World, service: Service, state: BuildState) -> Holder:
    """A build of the service in that state, and who holds its password."""
    now = world.clock.now()
    world.ports.store.commit([Put(Build(service_id=service.id, number=3, id=world.clock.new_id(), state=state, created=now, updated=now))])
    return Holder(service_id=service.id, build=3)

"""Addresses of source code: which are taken, and when two of them mean the same repository."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from chalicelib.domain.errors import Invalid

GITHUB = "https://github.com/"
MAX_LOCATION = 500
MAX_GITHUB_NAME = 140
"""GitHub's own limits: 39 characters for the owner, 100 for the name."""
MAX_REF = 200

_SCP = re.compile(r"(?:[A-Za-z0-9._-]+@)?([A-Za-z0-9.-]+):(?!//)([^\s]+)")
_GITHUB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
_OLD_PART = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*")
_METADATA = ipaddress.ip_address("fd00:ec2::254")
_REF = re.compile(r"[A-Za-z0-9_.@+#][A-Za-z0-9_./@+#-]*")


def check_location(location: str, *, local_files: bool) -> None:
    """Raises Invalid unless this is a clone URL that can be handed to git: https, http, ssh or git, and `file:` or an absolute
    path only where `local_files` says that the machine's own files may be read (the embedded profile)."""
    problem = ""
    if len(location) > MAX_LOCATION or not location.isprintable() or any(c.isspace() for c in location):
        problem = f"must be printable, without spaces, and at most {MAX_LOCATION} characters long"
    elif location.startswith("-"):
        problem = "must not begin with '-'"
    elif "::" in location:
        problem = "names a transport that runs commands"
    elif location.startswith("/") or location.lower().startswith("file:"):
        problem = "" if local_files else "is a path of the server's own machine"
    else:
        problem = _problem_of_remote(location)
    if problem:
        raise Invalid(
            f"the repository {location[:80]!r} {problem}",
            code="repository_invalid",
            hint="give an address such as https://github.com/owner/name.git" + (", or a folder's whole path" if local_files else ""),
            extra={"repository": problem},
        )


def check_github_name(name: str) -> None:
    if len(name) > MAX_GITHUB_NAME or not _GITHUB_NAME.fullmatch(name) or ".." in name:
        raise Invalid(
            f"{name[:80]!r} is not owner/name",
            code="repository_invalid",
            hint="write the repository as owner/name",
            extra={"github_repository": "not owner/name"},
        )


def check_ref(ref: str) -> None:
    """Raises Invalid unless `ref` can be a branch, tag or commit and nothing else (git check-ref-format, and no option)."""
    bad = not _REF.fullmatch(ref) or len(ref) > MAX_REF or ".." in ref or "@{" in ref or "//" in ref
    if bad or ref.endswith(("/", ".", ".lock")):
        raise Invalid(
            f"{ref[:80]!r} cannot be a branch, tag or commit",
            code="ref_invalid",
            hint="give the name of a branch or tag, or a commit's hash",
            extra={"ref": "not a branch, tag or commit"},
        )


def github_location(name: str) -> str:
    return f"{GITHUB}{name}.git"


def normalized_location(location: str) -> str:
    """`host/path` in lower case without scheme, user, port, `.git` and closing slash: equal for two ways to write one repository."""
    scp = _SCP.fullmatch(location)
    if scp and "://" not in location and not location.startswith("/"):
        host, path = scp[1], scp[2]
    else:
        parts = urlsplit(location)
        host, path = parts.hostname or "", parts.path
    path = path.strip("/").removesuffix(".git").strip("/")
    return f"{host}/{path}".lower() if path else ""


def _problem_of_remote(location: str) -> str:
    if "://" not in location:
        return "" if _SCP.fullmatch(location) and not location.split(":", 1)[1].startswith("-") else "is not a clone URL"
    try:
        parts = urlsplit(location)
        host = parts.hostname or ""
        parts.port  # noqa: B018  (reading it checks it)
    except ValueError:
        return "is not a clone URL"
    if parts.scheme not in {"https", "http", "ssh", "git"}:
        return f"has the scheme {parts.scheme!r}; https, http, ssh and git are taken"
    if not host or host.startswith("-"):
        return "names no host"
    if (parts.username or "").startswith("-") or "%" in parts.netloc:  # git decodes it, and ssh could read it as an option
        return "is not a clone URL"
    if _is_link_local(host):
        return "names an address of the server's own link, where no repository is but a cloud's credentials may be"
    if parts.password or (parts.scheme in {"https", "http"} and parts.username):
        return "holds a password; grant access on the repository's side instead"
    return "" if parts.path.strip("/") else "names no repository on its host"


def _is_link_local(host: str) -> bool:
    """Whether `host` is such an address, in any way to write one. A name that leads to one is not known here."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        number = _old_ipv4(host)
        if number is None:
            return False
        address = ipaddress.IPv4Address(number)
    plain = getattr(address, "ipv4_mapped", None) or address
    return plain.is_link_local or address == _METADATA


def _old_ipv4(host: str) -> int | None:
    """The number of an IPv4 address as inet_aton(3) and so the resolver reads it: 0xa9fea9fe, 169.254.43518 and 0251.0376.1 too."""
    parts = host.split(".")
    if len(parts) > 4 or not all(_OLD_PART.fullmatch(part) for part in parts):
        return None
    *leading, last = [int(part, 16 if part[:2] in {"0x", "0X"} else 8 if part[0] == "0" else 10) for part in parts]
    if any(number > 255 for number in leading) or last >= 256 ** (4 - len(leading)):
        return None
    return sum(number << (24 - 8 * place) for place, number in enumerate(leading)) + last

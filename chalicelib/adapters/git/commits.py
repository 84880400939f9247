"""From a ref to the commit that it means now."""

from __future__ import annotations

import re

from chalicelib.adapters.git.http import TooMuch
from chalicelib.adapters.git.packs import Limits, PackTooLarge
from chalicelib.adapters.git.problems import no_commit
from chalicelib.adapters.git.sessions import NO_BLOBS_NO_TREES, Fetch, Session
from chalicelib.ports.source import SourceProblem

_MEBIBYTE = 1024 * 1024
HISTORY = Limits(object=256 * 1024, kept=192 * _MEBIBYTE, inflated=256 * _MEBIBYTE)
HISTORY_SENT = 48 * _MEBIBYTE
MAX_TIPS = 10_000
_COMMIT = re.compile(r"[0-9a-f]{40}")
_ABBREVIATED = re.compile(r"[0-9a-f]{4,39}")
_TIPS = ("refs/heads/", "refs/tags/")


def commit_of(session: Session, location: str, ref: str) -> str:
    """The whole hash: of a branch, a tag or a commit (its hash, or the beginning of it); of the default branch for an empty ref. That a
    whole hash is there is for who fetches it to find out."""
    if _COMMIT.fullmatch(ref):
        return ref
    names = [f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", ref] if ref else ["HEAD"]
    refs = session.refs([name for name in names if not name.endswith("^{}")])
    commit = next((refs[name] for name in names if name in refs), "")
    if not commit and _ABBREVIATED.fullmatch(ref):
        commit = _completed(session, location, ref)
    if commit:
        return commit
    if ref:
        raise no_commit(location, ref)
    hint = "push a commit, or name the branch to deploy: what HEAD points to there does not exist"
    raise SourceProblem("ref_not_found", f"the default branch of {location} has no commit", hint)


def _completed(session: Session, location: str, abbreviated: str) -> str:
    """The one commit of any branch or tag that begins so. A server that cannot send commits alone is asked for its tips only."""
    refs = session.refs(_TIPS)
    tips = {oid for name, oid in refs.items() if name.startswith(_TIPS)}
    found = {oid for oid in tips if oid.startswith(abbreviated)}
    if session.filters and tips:
        found = _found_in_history(session, location, sorted(tips), abbreviated)
    if len(found) > 1:
        said = f"more than one commit of {location} begins with {abbreviated}"
        raise SourceProblem("ref_not_found", said, "give more of its hash")
    if not found and not session.filters:
        said = f"no branch or tag of {location} ends in a commit {abbreviated}, and its server finds no others by a part of their hash"
        raise SourceProblem("ref_not_found", said, "give all 40 characters of the commit's hash")
    return next(iter(found), "")


def _found_in_history(session: Session, location: str, tips: list[str], abbreviated: str) -> set[str]:
    try:
        if len(tips) > MAX_TIPS:
            raise TooMuch
        objects = session.fetch(Fetch(tips, filter=NO_BLOBS_NO_TREES), HISTORY, limit=HISTORY_SENT)
    except (TooMuch, PackTooLarge) as error:
        said = f"{location} has too many commits to look for one by a part of its hash"
        raise SourceProblem("ref_not_found", said, "give all 40 characters of the commit's hash") from error
    return {oid for oid, one in objects.items() if one.kind == "commit" and oid.startswith(abbreviated)}

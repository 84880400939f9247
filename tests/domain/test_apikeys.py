"""The form of API keys."""

from __future__ import annotations

import pytest

from chalicelib.domain.apikeys import PREFIX, format_key, hash_of, is_well_formed

KEY = format_key(bytes(range(32)))


def test_a_key_tells_what_it_is_and_passes_its_own_check() -> None:
    assert KEY.startswith(PREFIX)
    assert is_well_formed(KEY)


def test_a_key_is_written_in_one_way_only() -> None:
    assert KEY == "ancla_aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq" + KEY[-8:]
    assert format_key(bytes(range(32))) == KEY


@pytest.mark.parametrize("place", range(len(PREFIX), len(KEY)))
def test_one_wrong_character_is_noticed(place: int) -> None:
    wrong = "b" if KEY[place] != "b" else "c"
    assert not is_well_formed(KEY[:place] + wrong + KEY[place + 1 :])


@pytest.mark.parametrize("text", ["", PREFIX, KEY[:-1], KEY + "0", KEY.upper(), f" {KEY}", f"{KEY}\n", KEY.removeprefix(PREFIX)])
def test_what_is_not_whole_is_no_key(text: str) -> None:
    assert not is_well_formed(text)


def test_other_bytes_make_another_key_and_another_hash() -> None:
    other = format_key(bytes(32))
    assert other != KEY
    assert hash_of(other) != hash_of(KEY)


def test_what_is_stored_does_not_hold_the_key() -> None:
    assert KEY[len(PREFIX) :] not in hash_of(KEY)
    assert len(hash_of(KEY)) == 64

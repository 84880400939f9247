"""A secret shows in no way but by `reveal`."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from dataclasses import dataclass

import pytest

from chalicelib.domain.secrets import MASK, Secret

VALUE = "hunter2-never-shown"


@dataclass(frozen=True)
class Holder:
    password: Secret


@pytest.mark.parametrize(
    "shown", [str(Secret(VALUE)), repr(Secret(VALUE)), f"{Secret(VALUE)}", f"{Secret(VALUE)!r}", repr(Holder(Secret(VALUE)))]
)
def test_a_secret_prints_as_a_mask(shown: str) -> None:
    assert VALUE not in shown
    assert MASK in shown


def test_a_log_line_shows_the_mask(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("the password is %s", Secret(VALUE))
    assert caplog.messages == [f"the password is {MASK}"]


def test_a_secret_has_no_json_form() -> None:
    with pytest.raises(TypeError):
        json.dumps({"password": Secret(VALUE)})


def test_a_secret_cannot_be_pickled_or_copied_deeply() -> None:
    with pytest.raises(TypeError, match="cannot be serialised"):
        pickle.dumps(Secret(VALUE))
    with pytest.raises(TypeError):
        copy.deepcopy(Secret(VALUE))


def test_a_secret_has_no_attribute_that_shows_it() -> None:
    assert not hasattr(Secret(VALUE), "__dict__")
    assert not hasattr(Secret(VALUE), "value")


def test_equal_values_are_equal_secrets_and_no_text_equals_one() -> None:
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret("other")
    assert Secret(VALUE) != VALUE


def test_its_hash_says_nothing_of_the_value() -> None:
    first, second = Secret(VALUE), Secret(VALUE)
    assert hash(first) != hash(second)


def test_its_length_is_that_of_its_bytes() -> None:
    assert len(Secret("é")) == 2


def test_who_must_have_it_can_open_it() -> None:
    assert Secret(VALUE).reveal() == VALUE

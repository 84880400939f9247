"""How records are written down."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from chalicelib.adapters import codec
from chalicelib.adapters.rows import Row, RowKey, row_bytes
from chalicelib.domain.keys import RECORD_TYPES
from chalicelib.domain.secrets import Secret
from tests.contracts.samples import SAMPLES, lane


def test_there_is_a_sample_of_every_kind_of_record() -> None:
    assert [type(sample) for sample in SAMPLES] == list(RECORD_TYPES)


def test_a_records_size_counts_names_and_values_in_utf_8() -> None:
    row = Row(RowKey("p", "so"), 10, "Kind", "☂")
    assert row_bytes(row) == 1 + 2 + 4 + 3 + len("partitionsortversionkindbody") + 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    id: str
    value: Secret
    version: int = 0


def test_a_secret_has_no_form_in_which_it_could_be_stored() -> None:
    with pytest.raises(TypeError) as error:
        codec.encode_row(Leak(id="1", value=Secret("hunter2")), 1)
    assert "hunter2" not in str(error.value)


def test_a_body_does_not_name_its_version() -> None:
    assert "version" not in codec.encode_row(lane(version=3), 4).body


ROOT = Path(__file__).parents[2]
MANY_THREADS = """
import sys, threading
sys.setswitchinterval(1e-6)
from chalicelib.adapters import codec
from tests.contracts import samples
rows = [codec.encode_row(record, 1) for record in (samples.run(1), samples.lane(), samples.service(), samples.scope())] * 12
barrier = threading.Barrier(len(rows))
def read(row):
    barrier.wait()
    codec.decode_row(row)
threads = [threading.Thread(target=read, args=(row,)) for row in rows]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.parametrize("attempt", range(10))
def test_many_threads_may_read_their_first_records_at_the_same_time(attempt: int) -> None:
    ended = subprocess.run([sys.executable, "-c", MANY_THREADS], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr

"""Recordings and reports come back from their files as they were; anything else is refused with a reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shapeguard.errors import FormatError
from shapeguard.values.findings import REPORT_SCHEMA, Finding, Report, Severity
from shapeguard.values.recording import RECORDING_SCHEMA, Chain, Footer, Recording, Row, Site
from shapeguard.values.store import dump_recording, load, parse_recording, parse_report, write_atomically
from tests.values.structs import recordings, reports

_slow_data = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@_slow_data
@given(reports())
def test_a_report_comes_back_as_it_was(report: Report) -> None:
    assert parse_report(report.to_json()) == report


@_slow_data
@given(recordings())
def test_a_recording_comes_back_as_it_was(recording: Recording) -> None:
    assert parse_recording(dump_recording(recording)) == recording


@_slow_data
@given(recordings(), st.data())
def test_a_recording_cut_anywhere_gives_what_was_whole(recording: Recording, data: st.DataObject) -> None:
    whole = dump_recording(recording)
    header = whole.index(b"\n") + 1
    cut = data.draw(st.integers(header, len(whole)))
    read = parse_recording(whole[:cut])
    assert read.header == recording.header
    assert read.rows == recording.rows[: len(read.rows)]
    assert read.sites == recording.sites[: len(read.sites)]


def _recording() -> Recording:
    return Recording(
        sites=[Site(0, "script.py", 3, 3)],
        chains=[Chain(0, (0,))],
        rows=[Row(0, "cat", "concat", 0)],
        footer=Footer("completed", 0.5, 1),
    )


def test_the_last_state_of_a_row_holds() -> None:
    lines = dump_recording(_recording()).splitlines(keepends=True)
    again = dump_recording(Recording(rows=[Row(0, "cat", "concat", 0, count=7)])).splitlines(keepends=True)[1]
    read = parse_recording(b"".join([*lines[:-1], again, lines[-1]]))
    assert [row.count for row in read.rows] == [7]


def test_a_recording_that_was_not_closed_is_interrupted() -> None:
    recording = _recording()
    recording.footer = None
    assert parse_recording(dump_recording(recording)).outcome == "interrupted"


def test_the_json_of_a_report_begins_with_its_schema_and_is_utf_8() -> None:
    report = Report("completed", findings=(Finding("SG301", "name", Severity.NOTE, "größer → kleiner"),))
    raw = report.to_json()
    assert next(iter(json.loads(raw))) == "schema"
    assert "größer → kleiner" in raw.decode()


def test_an_unknown_field_is_no_trouble() -> None:
    fields = json.loads(Report("completed").to_json()) | {"later": 1}
    assert parse_report(json.dumps(fields).encode()) == Report("completed")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "expected a shapeguard report"),
        (b"{", "expected a shapeguard report"),
        (b"\xff\xfe", "expected a shapeguard report"),
        (b"[1]", "expected a shapeguard report"),
        (b"{}", f"expected schema {REPORT_SCHEMA}, got a JSON without one"),
        (b'{"schema": "shapeguard.report/9"}', f"expected schema {REPORT_SCHEMA}, got shapeguard.report/9"),
        (b'{"schema": "shapeguard.report/1", "outcome": "exploded"}', "the report is damaged"),
        (b'{"t":"header","schema":"shapeguard.recording/9"}', f"expected schema {RECORDING_SCHEMA}, got"),
        (b'{"t":"header","schema":"shapeguard.recording/1"}\n{"t":"odd"}\n{"t":"note","text":""}\n', "line 2 is not"),
        (b'{"t":"header","schema":"shapeguard.recording/1"}\n{"t":"chain","id":5,"sites":[]}\n\n', "line 2 is not"),
    ],
)
def test_anything_else_is_refused_in_one_line(data: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(data)
    with pytest.raises(FormatError) as caught:
        load(file)
    assert words in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        load(tmp_path / "nothing.json")


def test_write_atomically_leaves_nothing_beside(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"1")
    write_atomically(tmp_path / "a", b"2")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"2")]

"""Recordings and reports as files: read whole, written whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec

from shapeguard.errors import FormatError
from shapeguard.values.findings import REPORT_SCHEMA, Report
from shapeguard.values.recording import (
    RECORDING_SCHEMA,
    Chain,
    Failure,
    Footer,
    Header,
    Line,
    Note,
    Recording,
    Row,
    Site,
    Source,
)

_decode_line = msgspec.json.Decoder(Line).decode
_Numbered = TypeVar("_Numbered", Site, Chain, Row)


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` so that a reader sees either the old file or the whole new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)


def dump_recording(recording: Recording) -> bytes:
    """The JSON lines of a recording."""
    return msgspec.json.Encoder().encode_lines(recording.lines())


def parse_recording(data: bytes, name: str = "recording") -> Recording:
    """Read the JSON lines of a recording; a torn last line (a killed run) is dropped.

    Raises:
        FormatError: the data is no recording, or one of another schema version.
    """
    raw = data.split(b"\n")
    recording = Recording(header=_parse_header(raw[0], name))
    for number, text in enumerate(raw[1:], start=2):
        if not text.strip():
            continue
        try:
            _add_line(recording, _decode_line(text))
        except (msgspec.DecodeError, IndexError) as error:
            if number == len(raw):
                recording.notes.append("the last line was torn and has been left out")
                break
            raise FormatError(f"{name}: line {number} is not a line of a recording ({error})") from None
    return recording


def children_beside(path: Path) -> list[Path]:
    """Files of the child processes that lie beside a run's ``recording.jsonl``, in the order of their names."""
    return sorted(path.parent.glob(f"{path.stem}-*{path.suffix}")) if path.name == "recording.jsonl" else []


def load_children(path: Path) -> list[Recording]:
    """The recordings of a run's child processes; one that cannot be read is left out."""
    found = []
    for child in children_beside(path):
        try:
            found.append(parse_recording(child.read_bytes(), child.name))
        except (OSError, FormatError):
            continue
    return found


def _parse_header(text: bytes, name: str) -> Header:
    try:
        header = msgspec.json.decode(text, type=Header)
    except msgspec.DecodeError:
        raise FormatError(
            f"{name}: expected a shapeguard recording ({RECORDING_SCHEMA}), got something else in line 1"
        ) from None
    if header.schema != RECORDING_SCHEMA:
        raise FormatError(f"{name}: expected schema {RECORDING_SCHEMA}, got {header.schema}")
    return header


def _add_line(recording: Recording, line: Line) -> None:
    match line:
        case Site():
            _place(recording.sites, line)
        case Chain():
            _place(recording.chains, line)
        case Row():
            _place(recording.rows, line)
        case Failure():
            recording.failures.append(line)
        case Source():
            recording.sources[line.file] = line.text
        case Note():
            recording.notes.append(line.text)
        case Footer():
            recording.footer = line
        case Header():
            raise IndexError("a second header")


def _place(items: list[_Numbered], item: _Numbered) -> None:
    """Put an item where its id says: next in line, or in place of its earlier state."""
    if item.id == len(items):
        items.append(item)
    elif 0 <= item.id < len(items):
        items[item.id] = item
    else:
        raise IndexError(f"id {item.id} is out of order")


def parse_report(data: bytes, name: str = "report") -> Report:
    """Read ``report.json``.

    Raises:
        FormatError: the data is no report, or one of another schema version.
    """
    try:
        schema = msgspec.json.decode(data, type=_Tagged).schema
    except msgspec.DecodeError as error:
        raise FormatError(
            f"{name}: expected a shapeguard report ({REPORT_SCHEMA}), got something else ({error})"
        ) from None
    if schema != REPORT_SCHEMA:
        raise FormatError(f"{name}: expected schema {REPORT_SCHEMA}, got {schema or 'a JSON without one'}")
    try:
        return msgspec.json.decode(data, type=Report)
    except msgspec.ValidationError as error:
        raise FormatError(f"{name}: the report is damaged ({error})") from None


class _Tagged(msgspec.Struct):
    schema: str = ""


def load(path: Path) -> Recording | Report:
    """Read a file that is either a recording or a report.

    Raises:
        FormatError: it is neither, or cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror})") from None
    if not data:
        raise FormatError(f"{path}: expected a shapeguard report or recording, got an empty file")
    if b'"t":"header"' in data[:200]:
        return parse_recording(data, str(path))
    return parse_report(data, str(path))

"""The recording on disk while the run goes on: what was written stays readable after ``kill -9``."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from shapeguard.capture.export import Exporter
from shapeguard.capture.recorder import Recorder
from shapeguard.values.recording import Header, Line

_FIRST_PAUSE = 0.2  # seconds between two writes at the start; doubles while only counts change
_LONGEST_PAUSE = 30.0
_BUDGET = 4_000_000  # bytes; beyond it only new rows are written


class Writer:
    """Appends lines to ``recording.jsonl``. Never raises: a full disk is noted, and the run goes on."""

    def __init__(self, path: Path, header: Header, recorder: Recorder) -> None:
        self._recorder = recorder
        self._exporter = Exporter(recorder)
        self._encode = msgspec.json.Encoder().encode
        self._file: int | None = None
        self._pid = os.getpid()
        self._due = 0.0
        self._pause = _FIRST_PAUSE
        self._rows = 0
        self._size = 0
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
            self._write([header])
        except OSError as error:
            recorder.note(f"the recording could not be opened: {error}")

    def tick(self) -> None:
        """Called by the recorder now and then; writes when it is time."""
        now = time.monotonic()
        if now < self._due or self._file is None or os.getpid() != self._pid:
            return
        grown = len(self._recorder.segments) > self._rows
        self._rows = len(self._recorder.segments)
        self._pause = _FIRST_PAUSE if grown else min(_LONGEST_PAUSE, self._pause * 2)
        self._due = now + self._pause
        if self._size < _BUDGET or grown:
            self.flush()

    def flush(self) -> None:
        """Write what is new or changed."""
        try:
            self._write(self._exporter.changed())
        except Exception as error:
            self._recorder.note(f"the recording could not be written: {error}")
            self._file = None

    def append(self, lines: Iterable[Line]) -> None:
        """Write these lines now."""
        try:
            self._write(lines)
        except Exception as error:
            self._recorder.note(f"the recording could not be written: {error}")

    def _write(self, lines: object) -> None:
        if self._file is None or os.getpid() != self._pid:
            return
        data = b"".join(self._encode(line) + b"\n" for line in _lines(lines))
        if data:
            os.write(self._file, data)
            self._size += len(data)

    def close(self) -> None:
        """Close the file; in a forked child its copy of the handle."""
        if self._file is not None:
            os.close(self._file)
        self._file = None


def _lines(lines: object) -> list[Line]:
    return list(lines)  # type: ignore[call-overload, no-any-return]

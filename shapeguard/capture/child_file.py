"""The file of a child process, made as soon as there is something to write, complete at any moment."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from shapeguard.capture.recorder import Recorder
from shapeguard.capture.writer import Writer
from shapeguard.values.findings import Outcome
from shapeguard.values.recording import Failure, Footer, Header, Line, Note, Source

_EAGER = 1.0  # seconds in which every new row is written at once: a child may be aborted soon after its start
_MAX_FILES = 256  # children with nothing wrong that leave a file in one folder


class ChildFile:
    """Writes through a :class:`Writer`. Never raises; what cannot be written is noted and the child goes on."""

    def __init__(self, folder: Path, header: Header, recorder: Recorder) -> None:
        self._folder = folder
        self._header = header
        self._recorder = recorder
        self._pid = os.getpid()
        self._path: Path | None = None
        self._writer: Writer | None = None
        self._full = False
        self._closed = False
        self._failed = False
        self._told: set[str] = set()
        self._eager_until = time.monotonic() + _EAGER
        self._lock = threading.Lock()  # one thread writes at a time; another one's rows go with the next write

    def tick(self) -> None:
        """Called by the recorder now and then."""
        if self._closed or not self._lock.acquire(blocking=False):
            return
        try:
            writer = self._open()
            if writer is None:
                return
            if time.monotonic() < self._eager_until:
                writer.flush()
            else:
                writer.tick()
        finally:
            self._lock.release()

    def flush(self) -> None:
        """Write what is new."""
        with self._lock:
            writer = None if self._closed else self._open()
            if writer is not None:
                writer.flush()

    def add_failure(self, failure: Failure, sources: Iterable[Source]) -> None:
        """Write a failure, with all that it refers to."""
        with self._lock:
            writer = None if self._closed else self._open(needed=True)
            if writer is None:
                return
            self._failed = True
            writer.flush()
            writer.append([*self._untold(sources), failure])

    def close(self, outcome: Outcome, seconds: float) -> None:
        """Write the end. A loader's worker that had no trouble leaves no file: there is one a worker and epoch."""
        with self._lock:
            writer, self._closed = (None if self._closed else self._writer), True
            if writer is None:
                return
            writer.flush()
            notes: list[Line] = [Note(text) for text in self._recorder.notes]
            writer.append([*notes, Footer(outcome, seconds, self._recorder.events)])
            writer.close()
            if self._path is not None and not self._failed and outcome == "completed" and _worker_info() is not None:
                self._path.unlink(missing_ok=True)

    def _open(self, needed: bool = False) -> Writer | None:
        if self._writer is not None or os.getpid() != self._pid:
            return self._writer if os.getpid() == self._pid else None
        if self._full and not needed:
            return None
        self._path = self._free_name(needed)
        if self._path is None:
            self._full = True
            return None
        for segment in self._recorder.segments:
            segment.dirty = True  # what the parent wrote into its own file
        header = msgspec.structs.replace(self._header, process=process_name(), pid=self._pid)
        self._writer = Writer(self._path, header, self._recorder)
        return self._writer

    def _free_name(self, needed: bool) -> Path | None:
        try:
            taken = {name for name in os.listdir(self._folder) if name.startswith("recording-")}
        except OSError:
            return None  # the run has ended and its folder is gone
        if len(taken) >= _MAX_FILES and not needed:
            return None
        number, name = 1, f"recording-{self._pid}.jsonl"
        while name in taken:  # the system uses numbers of processes again
            number += 1
            name = f"recording-{self._pid}-{number}.jsonl"
        return self._folder / name

    def _untold(self, sources: Iterable[Source]) -> list[Line]:
        told = [source for source in sources if source.file not in self._told]
        self._told.update(source.file for source in told)
        return list(told)


def process_name() -> str:
    """What this child is called: its worker's or process's name."""
    worker = _worker_info()
    if worker is not None:
        return f"DataLoader worker {worker.id}"
    process = sys.modules.get("multiprocessing.process")
    current = process.current_process() if process is not None else None
    return str(current.name) if current is not None and current.name != "MainProcess" else ""


def _worker_info() -> Any:
    """What a DataLoader's worker knows of itself; None in any other process."""
    return getattr(sys.modules.get("torch.utils.data._utils.worker"), "_worker_info", None)

"""Capture: watch a part of a program, keep what happened as a Recording, leave no trace."""

from __future__ import annotations

import linecache
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar

from shapeguard.capture import state as thread_states
from shapeguard.capture.children import Children, Settings
from shapeguard.capture.environment import environment
from shapeguard.capture.export import Exporter
from shapeguard.capture.patching import PatchSet
from shapeguard.capture.privacy import without_source
from shapeguard.capture.recorder import Recorder
from shapeguard.capture.session import Installation
from shapeguard.capture.sites import GROUPS
from shapeguard.capture.state import set_process_recorders, state
from shapeguard.capture.usercode import user_code as users
from shapeguard.capture.writer import Writer
from shapeguard.errors import UsageError
from shapeguard.values.findings import Outcome
from shapeguard.values.recording import Chain, Failure, Footer, Header, Recording, Row, Site

Level = Literal["crash", "boundary", "user", "all"]
LEVELS: tuple[Level, ...] = ("crash", "boundary", "user", "all")
_T = TypeVar("_T")
_EARLIER = "earlier: "


class Capture:
    """Watches from ``open`` to ``close``. ``open`` undoes itself when it fails half way; ``close`` never raises.

    Args:
        level, watch, source, user_code: see :func:`shapeguard.guard`.
        argv: the program's arguments, for the recording's header.
        whole_process: watch every thread, not only this one and those it starts.

    Raises:
        UsageError: an unknown level or group.
    """

    def __init__(
        self,
        level: Level = "user",
        *,
        watch: Iterable[str] | None = None,
        source: bool = True,
        user_code: Iterable[str] = (),
        argv: Iterable[str] | None = None,
        whole_process: bool = False,
    ) -> None:
        if level not in LEVELS:
            raise UsageError(f"level: expected one of {', '.join(LEVELS)}, got {level!r}")
        self._groups = frozenset(GROUPS if watch is None else watch)
        if unknown := self._groups - set(GROUPS):
            raise UsageError(f"watch: expected groups of {', '.join(GROUPS)}, got {', '.join(sorted(unknown))}")
        self.level = level
        self._source = source
        self._user_code = tuple(user_code)
        self._argv = tuple(sys.argv if argv is None else argv)
        self._whole_process = whole_process
        self._recorder: Recorder | None = None
        self._stack = PatchSet()

    def open(self, recording_path: Path | None = None, *, child_of: Path | None = None) -> None:
        """Start watching. With a path, the recording is on disk as the run goes.

        ``child_of`` is the folder of the guarded process that spawned this one.
        """
        for path in self._user_code:
            users.always(path)
        recorder = Recorder(self.level, self._groups)
        self._failures: list[Failure] = []
        self._started = time.monotonic()
        self._header = Header(level=self.level, argv=self._argv, cwd=os.getcwd(), environment=environment())
        undo = self._stack = PatchSet()
        try:
            writer = None
            if recording_path is not None:
                writer = _write_along(undo, recorder, recording_path, self._header)
            self._watch_with(undo, recorder)
            self._children = self._make_children(recorder, recording_path, writer)
            undo.callback(self._children.close)
            self._children.open()
            if child_of is not None:
                self._children.become_child(child_of)
            installation = Installation(self.level, self._groups, lambda error: recorder.note(f"not watched: {error}"))
            undo.callback(installation.close)
            installation.open()
            self._recorder = recorder
        except BaseException:
            undo.close()
            raise

    def failed(self, error: BaseException, thread: str = "") -> None:
        """Describe an exception while its frames are alive. Called for an exception that leaves the guarded code."""
        recorder = self._recorder
        if recorder is None:
            return
        try:
            from shapeguard.capture.failure import describe_failure

            failure = _unwatched(describe_failure, error, recorder, thread)
            self._failures.append(failure)
            self._children.failed(failure if self._source else without_source(failure))
        except Exception as trouble:
            recorder.note(f"the failure could not be described: {type(trouble).__name__}: {trouble}")

    def close(self, outcome: Outcome) -> Recording:
        """Stop watching, put everything back, and give the recording.

        Raises:
            UsageError: it is not open.
        """
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            raise UsageError("the capture is not open")
        try:
            self._children.finish(outcome)
            try:
                self._stack.close()
            except Exception as trouble:
                recorder.note(f"not everything could be put back: {type(trouble).__name__}: {trouble}")
            recorder.closed = True
            return self._finish(recorder, outcome)
        except Exception as trouble:
            recorder.note(f"the recording could not be finished: {type(trouble).__name__}: {trouble}")
            footer = Footer(outcome, time.monotonic() - self._started, recorder.events)
            return Recording(header=self._header, notes=list(recorder.notes), failures=self._failures, footer=footer)

    def children(self) -> list[Recording]:
        """What the processes that were started while watching have written; to be asked once, after ``close``."""
        try:
            return self._children.joined()
        except Exception:  # the run's own recording tells what there is to tell
            return []

    @property
    def in_child(self) -> bool:
        """Whether this process is a child of the one that was guarded, and writes only for itself."""
        return self._children.in_child

    @property
    def closed(self) -> bool:
        """Whether nothing is watched: not opened yet, or closed again."""
        return self._recorder is None

    def snapshot(self) -> Recording:
        """The recording of the failure that was described last, while the watching goes on.

        Raises:
            UsageError: the capture is not open.
        """
        recorder = self._recorder
        if recorder is None:
            raise UsageError("the capture is not open")
        recording = self._finish(recorder, "crashed")
        self._failures = []
        for segment in recorder.segments:
            if segment.error and not segment.error.startswith(_EARLIER):
                segment.error = _EARLIER + segment.error  # a rerun may fail with the same words; this one is told
        return recording

    def _make_children(self, recorder: Recorder, path: Path | None, writer: Writer | None) -> Children:
        groups = tuple(sorted(self._groups))
        settings = Settings(self.level, groups, self._source, self._user_code, self._argv)
        folder = None if path is None else path.parent

        def begin_anew() -> None:
            self._failures = []
            if writer is not None:
                writer.close()

        return Children(recorder, self._header, settings, folder, self.failed, begin_anew)

    def _watch_with(self, undo: PatchSet, recorder: Recorder) -> None:
        """Let the recorder watch this thread (and what it starts), or the whole process."""
        if self._whole_process:
            before = thread_states.process_recorders
            undo.callback(
                lambda: set_process_recorders(tuple(r for r in thread_states.process_recorders if r is not recorder))
            )
            set_process_recorders((*before, recorder))
            return
        own = state.recorders

        def restore() -> None:
            left = tuple(r for r in (state.recorders or ()) if r is not recorder)
            state.recorders = left if set(left) - set(thread_states.process_recorders) else None

        undo.callback(restore)
        state.recorders = (*(thread_states.process_recorders if own is None else own), recorder)

    def _finish(self, recorder: Recorder, outcome: Outcome) -> Recording:
        recording = Recording(header=self._header, failures=self._failures)
        recording.header.environment = environment()
        for line in Exporter(recorder).everything():
            match line:
                case Site():
                    recording.sites.append(line)
                case Chain():
                    recording.chains.append(line)
                case Row():
                    recording.rows.append(line)
        if self._source:
            recording.sources = _sources(recording)
        else:
            recording.failures = [without_source(failure) for failure in self._failures]
        recording.notes = list(recorder.notes)
        recording.footer = Footer(outcome, time.monotonic() - self._started, recorder.events)
        return recording


def _write_along(undo: PatchSet, recorder: Recorder, path: Path, header: Header) -> Writer:
    writer = Writer(path, header, recorder)
    undo.callback(writer.close)
    undo.callback(writer.flush)
    recorder.on_tick = writer.tick
    return writer


def _unwatched(function: Callable[..., _T], *args: Any) -> _T:
    """Run our own code with our function mode off and our wrappers quiet."""
    before = state.covered
    state.covered = True
    mode = state.mode
    below = -1
    if mode is not None:
        from shapeguard.capture.modes import put_on, take_off

        below = take_off(mode)
    try:
        return function(*args)
    finally:
        state.covered = before
        if mode is not None and below >= 0:
            put_on(mode, below)


def _sources(recording: Recording) -> dict[str, str]:
    """Texts of the user's files that the recording speaks of."""
    files = {site.file for site in recording.sites}
    files |= {frame.file for failure in recording.failures for frame in failure.frames if frame.user}
    return {file: "".join(linecache.getlines(file)) for file in sorted(files) if linecache.getlines(file)}

"""``guard()``: capture, analysis and files put together for a ``with`` block or a function."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, TypeVar

from shapeguard.capture.capture import Capture, Level
from shapeguard.capture.launch_traceback import prune_traceback
from shapeguard.errors import UsageError
from shapeguard.output import OutDir, prepare_out, write_recording, write_report
from shapeguard.values.findings import Outcome, Report
from shapeguard.values.recording import Recording

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Guard:
    """A guard as :func:`guard` makes it. Enter it once at a time; nest by making several."""

    def __init__(
        self,
        level: Level = "user",
        out: str | os.PathLike[str] | None = None,
        *,
        watch: Iterable[str] | None = None,
        source: bool = True,
        user_code: Iterable[str] = (),
        argv: Iterable[str] | None = None,
        whole_process: bool = False,
    ) -> None:
        watch = None if watch is None else tuple(watch)
        user_code = tuple(user_code)
        argv = None if argv is None else tuple(argv)
        self._make = functools.partial(
            Capture, level, watch=watch, source=source, user_code=user_code, argv=argv, whole_process=whole_process
        )
        self._make()  # bad arguments are refused here, not on entering
        self.level = level
        self.out = None if out is None else Path(out)
        self._folder: OutDir | None = None
        self._capture: Capture | None = None
        self._recording: Recording | None = None
        self._children: list[Recording] = []
        self._report: Report | None = None

    def __enter__(self) -> Guard:
        if self._capture is not None:
            raise UsageError("this guard is open already; make another one to nest them")
        if self._recording is not None:
            self._folder = None  # entered again: another run, another set of files
        self._recording = self._report = None
        self._children = []
        self.prepare()
        capture = self._make()
        capture.open(None if self._folder is None else self._folder.path / "recording.jsonl")
        self._capture = capture
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        outcome: Outcome = "completed"
        if isinstance(error, KeyboardInterrupt):
            outcome = "interrupted"
        elif error is not None and not isinstance(error, SystemExit | GeneratorExit):
            outcome = "crashed"
            self.failed(error)
        self.close(outcome)
        if error is not None:
            prune_traceback(error)  # as it would be shown without us

    def prepare(self) -> None:
        """Make the output folder ready; entering does it where this was not called before.

        Raises:
            OutputError: it cannot be used.
        """
        if self._folder is None and self.out is not None:
            self._folder = prepare_out(self.out)

    def failed(self, error: BaseException, thread: str = "") -> None:
        """Describe an exception that leaves the guarded code, while its frames are alive."""
        if self._capture is not None:
            self._capture.failed(error, thread)

    def close(self, outcome: Outcome) -> None:
        """End the watching; write the files where ``out`` was given. Never raises."""
        capture, self._capture = self._capture, None
        if capture is None:
            return
        self._recording = capture.close(outcome)
        if capture.in_child:  # forked: its file is written, the report is the parent's
            return
        self._children = capture.children()
        if self._folder is not None:
            write_recording(
                self._folder, self._recording
            )  # first: whatever happens to the report, it can be made again
            write_report(self._folder, self.report)

    @property
    def recording(self) -> Recording:
        """What happened. There once the guarded code has ended.

        Raises:
            UsageError: the guard is still open, or was never entered.
        """
        if self._recording is None:
            raise UsageError("the guard has nothing to tell before its code has ended; read it after the with block")
        return self._recording

    @property
    def children(self) -> list[Recording]:
        """What happened in the processes that the guarded code started: a recording each, those that failed first."""
        return self._children

    @property
    def report(self) -> Report:
        """The findings. There once the guarded code has ended, also while its exception goes on outwards.

        Raises:
            UsageError: the guard is still open, or was never entered.
        """
        if self._report is None:
            from shapeguard.analysis import analyze

            self._report = analyze(self.recording, self._children)
        return self._report

    @property
    def folder(self) -> OutDir | None:
        """Where the files went."""
        return self._folder

    def __call__(self, function: Callable[_P, _T]) -> Callable[_P, _T]:
        """Guard every call of a function. ``recording`` and ``report`` speak of the last call that ended."""

        @functools.wraps(function)
        def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            # A guard for each call: the function may call itself, or run in several threads.
            inner = Guard(self.level, self.out)
            inner._make = self._make
            try:
                with inner:
                    return function(*args, **kwargs)
            finally:
                self._recording, self._children, self._report = inner._recording, inner._children, inner._report

        return guarded


def guard(
    level: Level = "user",
    out: str | os.PathLike[str] | None = None,
    *,
    watch: Iterable[str] | None = None,
    source: bool = True,
    user_code: Iterable[str] = (),
) -> Guard:
    """Watch a part of a program: ``with shapeguard.guard() as g: ...`` or ``@shapeguard.guard()``.

    The code runs as without; an exception goes on outwards, and ``g.report`` then holds the findings.

    Args:
        level: how much is watched: "crash" nothing until an exception, "boundary" concatenation, attention, cache,
            generate and tokenizer, "user" those and every torch op of the user's own code, "all" every op.
        out: folder for report.json, report.html, report.md and recording.jsonl; nothing is written without it.
        watch: groups to watch, of "cat", "attention", "cache", "generate", "tokenizer", "module",
            "collective", "ops"; default all.
        source: keep the source lines of the user's files in the recording.
        user_code: files or folders that count as the user's own code besides what is found to be.

    Raises:
        UsageError: an unknown level or group.
        OutputError: ``out`` cannot be used; raised on entering.
    """
    return Guard(level, out, watch=watch, source=source, user_code=user_code)

"""``shapeguard run``: a script or module exactly as python runs it, and the answer after it."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from shapeguard.capture.launch import Exit, Target, launch
from shapeguard.cli.say import say, show_answer
from shapeguard.errors import UsageError

if TYPE_CHECKING:
    from shapeguard.frontend import Guard
    from shapeguard.values.findings import Outcome

SUMMARY = "Run a script or module as python does, and explain what goes wrong with its shapes."
FINDINGS_STATUS = 3
_LEVELS = ("crash", "boundary", "user", "all")
FAIL_ON: dict[str, tuple[str, ...]] = {"never": (), "error": ("error",), "warning": ("error", "warning")}
_WITH_VALUE = ("--level", "--out", "--fail-on", "--user-code")


@dataclass(frozen=True)
class Ending:
    """How the process ends after the script: as python would have ended, or with the status for findings."""

    exit: Exit
    status: int | None = None

    def perform(self) -> NoReturn:
        """End the process."""
        if self.status is not None:
            sys.exit(self.status)
        self.exit.perform()


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = "%(prog)s [options] (SCRIPT | -m MODULE) [ARGS ...]"
    parser.epilog = (
        "Everything after the script or module belongs to it. stdout and exit status are the program's own; "
        "DIR gets report.json, report.html, report.md and recording.jsonl."
    )
    parser.add_argument("-m", dest="module", metavar="MODULE", help="run a module, as python -m does")
    parser.add_argument("--level", choices=_LEVELS, default="user", help="how much is watched (default: %(default)s)")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        default=Path("shapeguard-report"),
        help="folder for the report and the recording (default: %(default)s)",
    )
    parser.add_argument(
        "--fail-on",
        choices=FAIL_ON,
        default="never",
        help="exit with 3 on such findings, where the program itself ended with 0 (default: %(default)s)",
    )
    parser.add_argument("--no-source", action="store_true", help="keep source lines out of the report and recording")
    parser.add_argument(
        "--user-code",
        type=Path,
        metavar="PATH",
        action="append",
        default=[],
        help="another file or folder that counts as your own code; may be given again",
    )


def ours_and_theirs(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """``run``'s own words, and those from the script's name on, or after ``-m MODULE``: they belong to the program."""
    place = 1
    while place < len(words):
        word = words[place]
        if word == "--":
            return list(words[:place]), list(words[place + 1 :])
        if word.startswith("-m"):  # -m MODULE, or -mMODULE
            end = place + (2 if word == "-m" else 1)
            return list(words[:end]), list(words[end:])
        if not word.startswith("-"):
            return list(words[:place]), list(words[place:])
        place += 2 if word in _WITH_VALUE else 1
    return list(words), []


def main(options: Namespace) -> Ending:
    """Run what is asked for, under a guard."""
    target = _target(options.module, options.words)
    target.check()
    user_code = [str(path.absolute()) for path in options.user_code]
    watcher = _Watcher(target, options.level, options.out, not options.no_source, user_code)
    watcher.prepare()
    ending = launch(target, watcher)
    for trouble in ending.troubles:
        say(trouble)
    found = watcher.severities() & set(FAIL_ON[options.fail_on])
    return Ending(ending, FINDINGS_STATUS if found and ending.success else None)


def _target(module: str | None, words: Sequence[str]) -> Target:
    if module is not None:
        return Target.module(module, words)
    if not words:
        raise UsageError("nothing to run: expected a script or -m MODULE, as in: shapeguard run train.py --epochs 3")
    return Target.script(words[0], words[1:])


class _Watcher:
    """Guards the run. Its output folder is made ready before anything of the user's runs."""

    def __init__(self, target: Target, level: str, out: Path, source: bool, user_code: list[str]) -> None:
        self._target = target
        self._level = level
        self._out = out.absolute()
        self._source = source
        self._user_code = user_code
        self._guard: Guard | None = None
        self._pid = os.getpid()

    def prepare(self) -> None:
        """Make the guard and its folder ready.

        Raises:
            OutputError: the folder cannot be used.
        """
        from shapeguard.frontend import Guard

        argv = [self._target.name, *self._target.args]
        self._guard = Guard(
            self._level,  # type: ignore[arg-type]
            self._out,
            source=self._source,
            user_code=[*self._user_code, *_own_code(self._target)],
            argv=argv,
            whole_process=True,
        )
        self._guard.prepare()

    def enter(self) -> None:
        if self._guard is not None:
            self._guard.__enter__()

    def failed(self, exc: BaseException, thread_name: str) -> None:
        if self._guard is not None and not isinstance(exc, KeyboardInterrupt):
            self._guard.failed(exc, "" if thread_name == "MainThread" else thread_name)

    def finish(self, outcome: Outcome) -> None:
        if self._guard is None:
            return
        self._guard.close(outcome)
        if os.getpid() != self._pid:
            return  # a forked child that ran on to the end: the report is the parent's
        show_answer(self._guard.report, self._guard.folder)

    def severities(self) -> set[str]:
        """Severities among the findings; none where there is no report."""
        if self._guard is None or os.getpid() != self._pid:
            return set()
        try:
            return {str(finding.severity) for finding in self._guard.report.findings}
        except Exception:  # ``finish`` has met the same trouble, which is told already
            return set()


def _own_code(target: Target) -> list[str]:
    """What counts as the user's own whatever folder it lies in: the script's folder, or the module's package."""
    if target.kind == "script":
        return [target.name] if os.path.isdir(target.name) else [os.path.dirname(os.path.abspath(target.name))]
    import importlib.util

    top = target.name.partition(".")[0]
    spec = importlib.util.find_spec(top)
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    return places or ([spec.origin] if spec is not None and spec.origin else [])

"""``shapeguard run``: a script or module exactly as python runs it, and the answer after it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from shapeguard.capture.launch import Exit, Target, launch
from shapeguard.cli.say import say, show_answer
from shapeguard.errors import UsageError

if TYPE_CHECKING:
    from shapeguard.frontend import Guard
    from shapeguard.values.findings import Outcome

FINDINGS_STATUS = 3
_LEVELS = ("crash", "boundary", "user", "all")
_FAIL_ON = {"never": (), "error": ("error",), "warning": ("error", "warning")}
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


def with_module_arguments_apart(arguments: list[str]) -> list[str]:
    """``run -m package --flag`` as ``run -m package -- --flag``: what follows the module's name belongs to the module."""
    if arguments[:1] != ["run"]:
        return arguments
    place = 1
    while place < len(arguments):
        word = arguments[place]
        if word == "-m" and place + 1 < len(arguments):
            return [*arguments[: place + 2], "--", *arguments[place + 2 :]]
        if not word.startswith("-") or word == "--":
            return [*arguments[:place], "--", *arguments[place + (word == "--") :]]
        place += 2 if word in _WITH_VALUE else 1
    return arguments


def run(
    script: Annotated[list[str] | None, typer.Argument(metavar="SCRIPT [ARGS]...", show_default=False)] = None,
    module: Annotated[str | None, typer.Option("-m", metavar="MODULE", help="Run a module, as python -m does.")] = None,
    level: Annotated[str, typer.Option(metavar="|".join(_LEVELS), help="How much is watched.")] = "user",
    out: Annotated[Path, typer.Option(help="Folder for the report and the recording.")] = Path("shapeguard-report"),
    fail_on: Annotated[
        str, typer.Option(metavar="|".join(_FAIL_ON), help="Exit with 3 on such findings if the script ended with 0.")
    ] = "never",
    source: Annotated[bool, typer.Option("--source/--no-source", help="Keep source lines in the recording.")] = True,
    user_code: Annotated[
        list[Path] | None, typer.Option(help="Another file or folder that counts as your own code.")
    ] = None,
) -> Ending:
    """Run a script or module and explain what goes wrong with its shapes."""
    words = list(script or [])
    if module is None and not words:
        raise UsageError("nothing to run: expected a script or -m MODULE, as in: shapeguard run train.py --epochs 3")
    if level not in _LEVELS:
        raise UsageError(f"--level: expected one of {', '.join(_LEVELS)}, got {level!r}")
    if fail_on not in _FAIL_ON:
        raise UsageError(f"--fail-on: expected one of {', '.join(_FAIL_ON)}, got {fail_on!r}")
    target = Target.script(words[0], words[1:]) if module is None else Target.module(module, words)
    target.check()
    watcher = _Watcher(target, level, out, source, [str(path.absolute()) for path in user_code or []])
    watcher.prepare()
    ending = launch(target, watcher)
    for trouble in ending.troubles:
        say(trouble)
    found = watcher.severities() & set(_FAIL_ON[fail_on])
    return Ending(ending, FINDINGS_STATUS if found and ending.success else None)


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
        if self._guard is None or os.getpid() != self._pid:
            return  # a forked child that ran on to the end: the report is the parent's
        self._guard.close(outcome)
        show_answer(self._guard.report, self._guard.folder)

    def severities(self) -> set[str]:
        """Severities among the findings; none where the guard has nothing to tell."""
        if self._guard is None or os.getpid() != self._pid:
            return set()
        try:
            return {str(finding.severity) for finding in self._guard.report.findings}
        except UsageError:
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

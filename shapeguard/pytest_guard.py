"""The working part of the pytest plugin: each test runs under a guard, with the making of its fixtures; a failing one is explained.

What a fixture of a wider scope makes is seen by the first test that asks for it. The hooks are of the old style, so that no
frame of ours enters a test's traceback.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import pytest

from shapeguard.capture.capture import Level
from shapeguard.capture.launch_traceback import prune_traceback
from shapeguard.frontend import Guard
from shapeguard.values.recording import Recording

SECTION = "shapeguard"

_answer = pytest.StashKey[str]()
_open = pytest.StashKey[Guard]()

Outcome = Any  # pluggy's Result of a wrapped hook


class TestGuard:
    """Guards the calls of tests."""

    __test__ = False

    def __init__(self, level: str) -> None:
        self._level = cast(Level, level)
        self._known: set[Path] = set()  # folders and files that count as the user's own code already

    def pytest_report_header(self) -> str:
        return f"shapeguard: watching at level {self._level}"

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Outcome, None]:
        guard = self._enter(item)
        outcome = yield
        if guard is not None and outcome.exception is None:
            item.stash[_open] = guard
        elif guard is not None:
            _end(item, guard, outcome.exception)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Outcome, None]:
        outcome = yield
        guard = item.stash.get(_open, None)
        if guard is not None:
            del item.stash[_open]
            _end(item, guard, _failure(item, outcome))

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Outcome, None]:
        guard = item.stash.get(_open, None)  # nobody ran the test: `--setup-show` and the like
        if guard is not None:
            del item.stash[_open]
            _end(item, guard, None)
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Outcome, None]:
        outcome = yield
        if call.when not in ("setup", "call"):
            return
        text = item.stash.get(_answer, "")
        if text and outcome.exception is None and outcome.get_result().failed:
            outcome.get_result().sections.append((SECTION, text))
        item.stash[_answer] = ""  # a plugin may run the test again

    def _enter(self, item: pytest.Item) -> Guard | None:
        try:
            guard = Guard(self._level, user_code=[str(path) for path in self._new_places(item)])
            return guard.__enter__()
        except Exception as trouble:
            _say(f"{item.nodeid} was not watched", trouble)
            return None

    def _new_places(self, item: pytest.Item) -> list[Path]:
        """The test's folder and the conftest files above it, wherever they lie: also in an installed package."""
        conftests = (folder / "conftest.py" for folder in item.path.parents)
        places = [item.path.parent, *(file for file in conftests if file not in self._known and file.exists())]
        new = [place for place in places if place not in self._known]
        self._known.update(new)
        return new


def _end(item: pytest.Item, guard: Guard, error: BaseException | None) -> None:
    """End the watching of a test, and keep the answer for its report."""
    try:
        item.stash[_answer] = _close(guard, error)
    except Exception as trouble:
        _say(f"{item.nodeid} could not be explained", trouble)
    if error is not None:
        prune_traceback(error)


def _failure(item: pytest.Item, outcome: Outcome) -> BaseException | None:
    """The exception that ended the test. A unittest.TestCase keeps it to itself until the report is made."""
    if outcome.exception is not None:
        return cast(BaseException, outcome.exception)
    kept = getattr(item, "_excinfo", None)
    return kept[0].value if kept else None


def _close(guard: Guard, error: BaseException | None) -> str:
    """End the watching. Returns the answer; "" where shapes have nothing to do with the end of the test."""
    if error is None or isinstance(error, pytest.skip.Exception):
        guard.close("completed")
        return ""
    if isinstance(error, KeyboardInterrupt | pytest.exit.Exception):
        guard.close("interrupted")
        return ""
    guard.failed(error)
    guard.close("crashed")
    report = guard.report
    if not report.findings and not _clashes(guard.recording):
        return ""
    from shapeguard.render.terminal import render

    return render(report, width=80, color=False).rstrip("\n")


def _clashes(recording: Recording) -> bool:
    """Whether the failing operation's operands do not fit, though no rule knows why."""
    from shapeguard.analysis.failed import failed_op
    from shapeguard.analysis.run import Run

    found = failed_op(Run(recording))
    return found is not None and found.clash is not None


def _say(what: str, trouble: Exception) -> None:
    warnings.warn(f"shapeguard: {what} ({type(trouble).__name__}: {trouble})", stacklevel=1)

"""What a rule is: a file with a documented cause and a check that finds it in a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import NamedTuple

from shapeguard.analysis.run import Run
from shapeguard.values.findings import Finding, Location

Check = Callable[[Run], Iterable[Finding]]


class Rule(NamedTuple):
    """A root cause: its code, its name (the pattern, never the remedy), its page and its check."""

    code: str
    name: str
    page: str  # Markdown: what it is, why it goes wrong, a failing example, the mended one
    check: Check

    @property
    def summary(self) -> str:
        """First sentence of the page."""
        return self.page.split("\n\n")[1].replace("\n", " ").split(". ")[0].rstrip(".") + "."


def rule_of(module: ModuleType) -> Rule:
    """The rule of a file: its docstring is the page, titled ``SG301 cache-batch-mismatch``.

    Raises:
        TypeError: the file has no page or no check.
    """
    page = inspect.getdoc(module)
    check = getattr(module, "check", None)
    if not page or not callable(check):
        raise TypeError(f"{module.__name__}: a rule needs a docstring (its page) and a function check(run)")
    code, _, name = page.split("\n", 1)[0].partition(" ")
    return Rule(code, name.strip(), page, check)


def once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The first finding of each place: a line that is run often, or by several layers, is told once."""
    told: set[Location | None] = set()
    for finding in findings:
        if finding.location not in told:
            told.add(finding.location)
            yield finding

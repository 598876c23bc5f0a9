"""Places: a statement is one place to the rules, and readers are told its very line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import shapeguard
from shapeguard.analysis.run import Stated
from shapeguard.values.findings import Location

torch = pytest.importorskip("torch")


def test_two_lines_of_one_statement_are_one_place() -> None:
    one, other = Stated("a.py", 4, "f", "net(", 5), Stated("a.py", 4, "f", "net(", 7)
    assert one == other == Location("a.py", 4, "f", "net(")
    assert (one != other) is False  # it has an operator of its own
    assert len({one, other}) == 1
    assert one != Stated("a.py", 9, "f", "net(", 9)


def _places(part: Any) -> Iterator[dict[str, Any]]:
    """Every mapping of a report that has a file and a line."""
    if isinstance(part, dict):
        if {"file", "line", "function"} <= part.keys():
            yield part
        for value in part.values():
            yield from _places(value)
    elif isinstance(part, list):
        for value in part:
            yield from _places(value)


def _of_other_widths() -> None:
    net = torch.nn.Sequential(
        torch.nn.Linear(3, 8),
        torch.nn.Linear(9, 2),
    )
    net(torch.zeros(4, 3))


def test_a_report_knows_files_lines_functions_and_sources() -> None:
    with pytest.raises(RuntimeError), shapeguard.guard(level="all") as guard:
        _of_other_widths()
    places = list(_places(json.loads(guard.report.to_json())))
    assert places
    assert all(place.keys() == {"file", "line", "function", "source"} for place in places)
    found = guard.report.findings[0].location
    assert found is not None
    assert found.source == "torch.nn.Linear(9, 2),"

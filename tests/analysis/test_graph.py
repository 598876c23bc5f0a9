"""A row that a loop was folded into is its own origin: what walks back from it comes to an end."""

from __future__ import annotations

import torch

import shapeguard
from shapeguard.analysis.graph import past
from shapeguard.analysis.run import Run


def _turn(positions: torch.Tensor) -> torch.Tensor:
    return positions.view(-1)


def _watched() -> shapeguard.guard:
    with shapeguard.guard() as guard:
        positions = torch.arange(5)
        for _ in range(8):
            positions = _turn(positions)
            positions - torch.arange(5)
    return guard


def test_a_loop_folded_into_one_row_has_no_row_past_it() -> None:
    run = Run(_watched().recording)
    turned = next(row for row in run.of_kind("op") if row.op == "view")
    assert turned.inputs[0].origin == turned.id
    assert past(run, turned.id, lambda row: row.op == "view") is None


def test_what_is_not_handed_on_is_found() -> None:
    run = Run(_watched().recording)
    turned = next(row for row in run.of_kind("op") if row.op == "view")
    assert past(run, turned.id, lambda row: False) is turned


def test_the_report_of_such_a_loop_comes() -> None:
    assert _watched().report.outcome == "completed"

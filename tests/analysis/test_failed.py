"""What failed, as a finding shows it."""

from __future__ import annotations

from contextlib import suppress

import torch
from torch import nn

import shapeguard


class Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.out(x)
        return result


def test_the_weight_of_a_failed_layer_is_among_the_operands() -> None:
    with suppress(RuntimeError), shapeguard.guard() as guard:
        Head()(torch.randn(4, 6))
    operands = {operand.label: operand for operand in guard.report.findings[0].operands}
    assert operands["weight"].expression == "self.out.weight"
    assert operands["weight"].shape == (3, 8)
    assert operands["input"].shape == (4, 6)


def test_layers_of_one_line_are_told_apart() -> None:
    """Two widths are always a progression: each is a layer of its own all the same."""
    with suppress(RuntimeError), shapeguard.guard() as guard:
        layers = nn.ModuleList(nn.Linear(a, b) for a, b in ((2, 24), (24, 24)))
        for layer in layers:
            layer(torch.randn(4, 5))
    found = guard.report.findings[0]
    assert found.mismatch is not None
    assert set(found.mismatch.sizes) == {5, 2}

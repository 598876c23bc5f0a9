"""A compiled forward and a generation with a static cache under the guard: time, graph breaks, recompilations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from measure import Measured, ratios
from torch._dynamo.utils import counters
from works import generate, tiny_llama

import shapeguard


@dataclass
class Compiled:
    """What compiled code costs at level ``user``, and how often it was compiled anew for it."""

    measured: Measured
    graph_breaks: int  # more than without the guard
    recompilations: int  # when the guard was entered first
    later: int  # in all runs after that


def _compilations() -> int:
    return int(counters["stats"]["unique_graphs"])


def _breaks() -> int:
    return sum(counters["graph_break"].values())


def _measure(work: Any, repeats: int) -> Compiled:
    for _ in range(2):
        work()
    graphs, breaks = _compilations(), _breaks()
    with shapeguard.guard():
        work()
    first = _compilations() - graphs
    for _ in range(2):
        work()
        with shapeguard.guard():
            work()
    settled = _compilations()
    measured = ratios(work, {"user": shapeguard.guard}, repeats)["user"]
    return Compiled(measured, _breaks() - breaks, first, _compilations() - settled)


def forward(repeats: int, backend: str) -> Compiled:
    """``torch.compile`` of a model's forward, (batch 3, seq 48)."""
    torch._dynamo.reset()
    counters.clear()
    compiled = torch.compile(tiny_llama(), backend=backend)
    ids = torch.arange(144).reshape(3, 48)

    @torch.no_grad()
    def work() -> None:
        for _ in range(10):
            compiled(ids, use_cache=False)

    return _measure(work, repeats)


def static_generate(repeats: int, backend: str) -> Compiled:
    """``generate`` with a static cache and a compiled forward."""
    torch._dynamo.reset()
    counters.clear()
    model = tiny_llama()
    model.forward = torch.compile(model.forward, backend=backend)
    return _measure(lambda: generate(model, 48, cache_implementation="static", disable_compile=True), repeats)

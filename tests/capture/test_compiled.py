"""torch.compile, torch.export, TorchScript and fx under the guard: the same results from the same graphs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch._dynamo as dynamo
import torch.nn.functional as F
from torch import nn
from torch._dynamo.utils import counters
from torch.fx import symbolic_trace
from torch.fx.experimental.proxy_tensor import make_fx

import shapeguard

A, B = torch.arange(12.0).view(3, 4), torch.ones(3, 4)


def joined(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Uses what is patched."""
    c = torch.cat([a, b], dim=1)
    d = torch.stack([c, c]).relu()
    e = F.scaled_dot_product_attention(d, d, d)
    return e.sum(0) + F.linear(c, torch.ones(8, 8))


def scripted(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Every patched builtin, in TorchScript's language."""
    flat = torch.cat([a, b], dim=0).sum() + torch.concat([a, b]).sum() + torch.concatenate([a, b]).sum()
    piled = torch.stack([a, b]).sum() + torch.hstack([a, b]).sum() + torch.vstack([a, b]).sum()
    other = torch.dstack([a, b]).sum() + torch.column_stack([a, b]).sum()
    return flat + piled + other + F.scaled_dot_product_attention(a[None], b[None], b[None]).sum()


class Net(nn.Module):
    """A user's module around library modules."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        x = self.layer(torch.cat([self.linear(a), self.linear(b)], dim=-1))
        return torch.cat([x, self.attention(x, x, x)[0]], dim=0)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Compiled code of other tests forgotten, no gradients."""
    dynamo.reset()
    counters.clear()
    torch.manual_seed(0)
    with torch.no_grad():
        yield


def compiled(function: Any, args: tuple[Any, ...], backend: str) -> tuple[Any, dict[str, Any]]:
    """The result of three calls, and what Dynamo counted."""
    dynamo.reset()
    counters.clear()
    compiled = torch.compile(function, backend=backend)
    results = [compiled(*args) for _ in range(3)]
    return results[-1], {name: dict(counters[name]) for name in ("graph_break", "stats", "frames", "recompiles")}


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_no_other_graphs(level: str, backend: str) -> None:
    for function, args in ((joined, (A, B)), (Net().eval(), (A[None], B[None]))):
        wanted, counted = compiled(function, args, backend)
        with shapeguard.guard(level) as guard:  # type: ignore[arg-type]
            got, counted_under_guard = compiled(function, args, backend)
        assert torch.equal(wanted, got)
        assert counted_under_guard == counted
        assert guard.recording.notes == []


def test_a_warning_breaks_no_graph(watching: str) -> None:
    def loss(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return F.mse_loss(a[:, :1], b[:, 0])

    with pytest.warns(UserWarning, match="target size"):
        wanted, counted = compiled(loss, (A, B), "eager")
    with shapeguard.guard(watching):  # type: ignore[arg-type]
        got, counted_under_guard = compiled(loss, (A, B), "eager")
    assert torch.equal(wanted, got)
    assert counted_under_guard == counted


def test_one_recompile_at_most(watching: str) -> None:
    function = torch.compile(joined, backend="eager")
    function(A, B)
    with shapeguard.guard(watching):  # type: ignore[arg-type]
        for _ in range(4):
            function(A, B)
    function(A, B)
    assert counters["stats"]["unique_graphs"] <= 2
    assert not counters["graph_break"]


def test_explain_under_guard(watching: str) -> None:
    wanted = dynamo.explain(joined)(A, B)
    with shapeguard.guard(watching):  # type: ignore[arg-type]
        got = dynamo.explain(joined)(A, B)
    assert (got.graph_break_count, got.graph_count) == (wanted.graph_break_count, wanted.graph_count)


def test_export(watching: str) -> None:
    net = Net().eval()
    wanted = torch.export.export(net, (A[None], B[None]))
    with shapeguard.guard(watching) as guard:  # type: ignore[arg-type]
        got = torch.export.export(net, (A[None], B[None]))
    assert str(got.graph) == str(wanted.graph)
    assert guard.recording.notes == []


def graph_of(traced: Any) -> str:
    """A TorchScript graph without the comments that name source lines, its values numbered."""
    return re.sub(r" *# .*", "", str(torch._C._jit_pass_canonicalize(traced.graph, False)))


def test_torchscript(watching: str) -> None:
    script, trace = torch.jit.script(scripted), torch.jit.trace(scripted, (A, B))
    with shapeguard.guard(watching) as guard:  # type: ignore[arg-type]
        script_under_guard, trace_under_guard = torch.jit.script(scripted), torch.jit.trace(scripted, (A, B))
        assert torch.equal(script_under_guard(A, B), script(A, B))
        assert torch.equal(trace_under_guard(A, B), trace(A, B))
    assert graph_of(script_under_guard) == graph_of(script)
    assert graph_of(trace_under_guard) == graph_of(trace)
    assert guard.recording.notes == []


def test_torchscript_of_modules(watching: str) -> None:
    net = Net().eval()
    wanted = net(A[None], B[None])
    with shapeguard.guard(watching):  # type: ignore[arg-type]
        assert torch.allclose(torch.jit.script(net)(A[None], B[None]), wanted)
        assert torch.allclose(torch.jit.trace(net, (A[None], B[None]))(A[None], B[None]), wanted)


def test_fx(watching: str) -> None:
    wanted = symbolic_trace(joined).code, make_fx(joined, tracing_mode="symbolic")(A, B).code
    with shapeguard.guard(watching) as guard:  # type: ignore[arg-type]
        got = symbolic_trace(joined).code, make_fx(joined, tracing_mode="symbolic")(A, B).code
    assert got == wanted
    assert guard.recording.notes == []

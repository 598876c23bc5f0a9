"""One op is missing, or told another dim: the first finding stands on the line from which it is missing."""

from __future__ import annotations

import runpy
from contextlib import suppress
from pathlib import Path

import pytest

import shapeguard

pytest.importorskip("torch")

_HEAD = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\nfrom torch.nn.utils.rnn import pad_sequence\n\n"
_NET = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
{made}

    def forward(self, x):
{done}


{called}
"""


def _net(made: str, done: str, called: str) -> str:
    indented = ["\n".join(f"        {line}" for line in part.splitlines()) for part in (made, done)]
    return _NET.format(made=indented[0], done=indented[1], called=called)


# A program, and a piece of the line that is to be named.
_PROGRAMS = {
    "a layer's numbers the wrong way round": (
        _net(
            "self.fc = nn.Linear(5, 12)\nself.inp = nn.Linear(7, 12)",
            "h = self.inp(x)\nreturn self.fc(h)",
            "Net()(torch.randn(4, 7))",
        ),
        "self.fc = nn.Linear(5, 12)",
    ),
    "keys and values cut along the positions": (
        _net(
            "self.q, self.kv = nn.Linear(16, 16), nn.Linear(16, 32)",
            "q = self.q(x)\nk, v = self.kv(x).chunk(2, dim=1)\nreturn F.scaled_dot_product_attention(q, k, v)",
            "Net()(torch.randn(2, 6, 16))",
        ),
        "chunk(2, dim=1)",
    ),
    "a map pooled along one dim": (
        _net(
            "self.fc = nn.Linear(8, 3)", "pooled = x.mean(-1)\nreturn self.fc(pooled)", "Net()(torch.randn(4, 8, 5, 5))"
        ),
        "x.mean(-1)",
    ),
    "a column of one kept": (
        _net(
            "self.out = nn.Linear(6, 9)",
            "scores = self.out(x).log_softmax(-1)\n"
            "taken = scores.gather(2, torch.zeros(4, 7, 1, dtype=torch.long))\n"
            "return taken * torch.ones(4, 7)",
            "Net()(torch.randn(4, 7, 6))",
        ),
        "scores.gather",
    ),
    "heads not moved in front": (
        _net(
            "self.a, self.b = nn.Linear(16, 16), nn.Linear(16, 16)",
            "a = self.a(x).unflatten(-1, (4, 4)).transpose(1, 2)\nb = self.b(x).unflatten(-1, (4, 4))\nreturn torch.cat([a, b], dim=-1)",
            "Net()(torch.randn(2, 7, 16))",
        ),
        "b = self.b(x)",
    ),
    "a kernel of one with padding": (
        _net(
            "self.near = nn.Conv2d(3, 8, 3, padding=1)\nself.far = nn.Conv2d(3, 8, 1, padding=1)",
            "near, far = self.near(x), self.far(x)\nreturn torch.cat([near, far], dim=1)",
            "Net()(torch.randn(2, 3, 8, 8))",
        ),
        "self.far = nn.Conv2d",
    ),
    "repeated without a dim": (
        _net(
            "pass",
            "angle = x[:, None] * torch.arange(3.0)\ntable = angle.repeat_interleave(2).cos()\nreturn torch.ones(5, 6) * table",
            "Net()(torch.arange(5.0))",
        ),
        "repeat_interleave(2)",
    ),
    "half the width in one direction": (
        _net(
            "self.rnn = nn.LSTM(5, 16 // 2, batch_first=True)\nself.fc = nn.Linear(16, 3)",
            "h, _ = self.rnn(x)\nreturn self.fc(h)",
            "Net()(torch.randn(4, 7, 5))",
        ),
        "nn.LSTM(5",
    ),
    "rows padded with the length first": (
        "rows = [torch.zeros(9, 3), torch.zeros(6, 3), torch.zeros(4, 3), torch.zeros(2, 3)]\n"
        "x = pad_sequence(rows)\n"
        "weights = torch.ones(4, 1, 1)\n"
        "print(x * weights[:, :, :1])\n",
        "pad_sequence(rows)",
    ),
    "a recurrent layer that takes the length first": (
        _net(
            "self.rnn, self.fc = nn.GRU(5, 6), nn.Linear(6, 2)",
            "_, last = self.rnn(x)\nreturn self.fc(last[-1])",
            "F.cross_entropy(Net()(torch.randn(8, 12, 5)), torch.zeros(8, dtype=torch.long))",
        ),
        "nn.GRU(5, 6)",
    ),
    "a term of the loss not reduced": (
        "mean, log_var, x = torch.zeros(16, 4, requires_grad=True), torch.zeros(16, 4), torch.zeros(16, 4)\n"
        "recon = F.mse_loss(mean, x)\n"
        "divergence = -0.5 * (1 + log_var - mean**2 - log_var.exp()).sum(dim=1)\n"
        "loss = recon + 0.1 * divergence\n"
        "loss.backward()\n",
        "divergence = ",
    ),
    "the size of a dim that is not there": (
        "ids = torch.zeros(2, 5, dtype=torch.long)\nlast = ids[:, -1]\nprint(last.size(1))\n",
        "ids[:, -1]",
    ),
    "more key heads than query heads": (
        _net(
            "self.q, self.k = nn.Linear(16, 8), nn.Linear(16, 16)",
            "q = self.q(x).unflatten(-1, (-1, 4)).transpose(1, 2)\n"
            "k = self.k(x).unflatten(-1, (-1, 4)).transpose(1, 2)\n"
            "return F.scaled_dot_product_attention(q, k, k)",
            "Net()(torch.randn(2, 6, 16))",
        ),
        "self.k(x)",
    ),
    "values repeated and keys not": (
        _net(
            "self.q, self.kv = nn.Linear(16, 16), nn.Linear(16, 8)",
            "q = self.q(x).unflatten(-1, (4, 4)).transpose(1, 2)\n"
            "k = v = self.kv(x).unflatten(-1, (2, 4)).transpose(1, 2)\n"
            "v = v.repeat_interleave(2, dim=1)\n"
            "return F.scaled_dot_product_attention(q, k, v)",
            "Net()(torch.randn(2, 6, 16))",
        ),
        "v.repeat_interleave(2, dim=1)",
    ),
}


@pytest.mark.parametrize("name", _PROGRAMS)
def test_the_first_finding_stands_where_it_is_missing(name: str, tmp_path: Path) -> None:
    text, piece = _PROGRAMS[name]
    script = tmp_path / "script.py"
    script.write_text(_HEAD + text)
    with suppress(RuntimeError, ValueError, IndexError), shapeguard.guard() as guard:
        runpy.run_path(str(script))
    first = guard.report.findings[0]
    assert first.location is not None
    assert piece in (first.location.source or "")

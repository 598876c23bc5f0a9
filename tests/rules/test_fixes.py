"""What the fix says: the number to write, the axes to give, where the mistake has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import shapeguard

torch = pytest.importorskip("torch")


def _first(mistake: Callable[[], object]) -> shapeguard.Finding:
    with pytest.raises((RuntimeError, IndexError)), shapeguard.guard() as guard:
        mistake()
    return guard.report.findings[0]


def _fix(mistake: Callable[[], object]) -> str:
    finding = _first(mistake)
    assert finding.fix is not None
    return finding.fix.summary


def _dilated() -> object:
    x, nn = torch.zeros(1, 4, 16, 16), torch.nn
    same, wide = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1, dilation=2)
    return torch.cat([same(x), wide(x)], dim=1)


def _halved() -> object:
    x, nn = torch.zeros(2, 1, 51, 75), torch.nn
    up = nn.ConvTranspose2d(1, 1, 2, stride=2)(nn.functional.max_pool2d(x, 2))
    return torch.cat([up, x], dim=1)


def _channels_last() -> object:
    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU())(torch.zeros(4, 32, 32, 3))


def _one_layer_wrong() -> object:
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3),
        torch.nn.Conv2d(16, 8, 3),
    )(torch.zeros(4, 3, 32, 32))


def _keys_of_rows() -> object:
    q, mask = torch.zeros(3, 4, 10, 8), torch.ones(3, 10, dtype=torch.bool)
    return torch.nn.functional.scaled_dot_product_attention(q, q, q, attn_mask=mask)


def _maps_of_other_places() -> object:
    return torch.nn.functional.mse_loss(torch.zeros(2, 3, 30, 30), torch.zeros(2, 3, 32, 32))


def _ids_from_one() -> object:
    vocab_size, tokens = 8, torch.tensor([[1, 8]])
    return torch.nn.Embedding(vocab_size, 4)(tokens)


class _Attention(torch.nn.Module):
    """Keys (batch, kv_heads, length, head_dim) that are kept from call to call."""

    def __init__(self) -> None:
        super().__init__()
        self.k = torch.nn.Linear(8, 8)

    def forward(self, x: Any, cache: Any = None) -> Any:
        k = self.k(x).view(x.size(0), x.size(1), 2, 4).transpose(1, 2)
        return k if cache is None else torch.cat([cache, k], dim=2)


def _kept_keys_beside_repeated_rows() -> object:
    attention = _Attention()
    x = torch.zeros(2, 5, 8)
    kept = attention(x)
    x = x[:, -1:].repeat_interleave(3, dim=0)
    return attention(x, kept)


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (_dilated, "`padding=2`"),
        (_halved, "`F.interpolate(up, size=x.shape[2:])`"),
        (_channels_last, "`.permute(0, 3, 1, 2)`"),
        (_one_layer_wrong, "Write 8 for the 16 in line"),
        (_keys_of_rows, "`mask[:, None, None, :]`"),
        (_maps_of_other_places, "height, width or length"),
        (_kept_keys_beside_repeated_rows, "`keys.repeat_interleave(3, dim=0)`"),
        (_ids_from_one, "9 at least"),
    ],
)
def test_the_fix_says(mistake: Callable[[], object], said: str) -> None:
    assert said in _fix(mistake)


def test_both_odd_dims_are_told() -> None:
    assert "dim 2: 50 against 51, and in dim 3: 74 against 75" in _first(_halved).message

"""What the fix says: the number to write, the axes to give, where the mistake has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import shapeguard

torch = pytest.importorskip("torch")


def _first(mistake: Callable[[], object]) -> shapeguard.Finding:
    with pytest.raises((RuntimeError, IndexError, ValueError)), shapeguard.guard() as guard:
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


def _not_stacked_alike() -> object:
    a, b = torch.zeros(4, 16), torch.zeros(4, 7, 16)
    return torch.cat([a, b], dim=1)


def _halved_and_enlarged() -> object:
    x, nn = torch.zeros(2, 1, 28, 28), torch.nn
    down = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.Conv2d(8, 8, 3, stride=2, padding=1))
    up = nn.Sequential(
        nn.ConvTranspose2d(8, 8, 3, stride=2, padding=1), nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1)
    )
    return nn.functional.mse_loss(up(down(x)), x)


def _a_column_beside_a_row() -> object:
    scores, wanted = torch.zeros(16, 1), torch.zeros(16)
    return torch.nn.functional.binary_cross_entropy_with_logits(scores, wanted)


def _flattened_to_more() -> object:
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(8 * 8 * 8, 10))
    return net(torch.zeros(4, 8, 16, 16))


def _states_of_another_width() -> object:
    lstm = torch.nn.LSTM(10, 64, batch_first=True)
    return lstm(torch.zeros(4, 7, 10), (torch.zeros(1, 4, 32), torch.zeros(1, 4, 32)))


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
        (_not_stacked_alike, "`a.unsqueeze(1)`, (4, 1, 16)"),
        (_halved_and_enlarged, "`output_padding=1`"),
        (_a_column_beside_a_row, "`scores.squeeze(-1)`, or `wanted.unsqueeze(-1)`"),
        (_flattened_to_more, "`Linear(2048, 10)`"),
    ],
)
def test_the_fix_says(mistake: Callable[[], object], said: str) -> None:
    assert said in _fix(mistake)


def test_a_layer_of_a_container_has_its_place_for_a_name() -> None:
    assert "`net[1].weight`" in _first(_flattened_to_more).message


def test_states_are_told_as_states() -> None:
    assert "keeps states of 64 features" in _first(_states_of_another_width).message


def test_both_odd_dims_are_told() -> None:
    assert "dim 2: 50 against 51, and in dim 3: 74 against 75" in _first(_halved).message

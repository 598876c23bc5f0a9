"""The loop by hand does what ``model.generate`` does, token for token, for every family, cache and attention tried."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from shapeguard.errors import UsageError
from shapeguard.reference import decode_loop
from tests.reference.families import FAMILIES, PAD, build, left_padded

NEW = 12
CACHES: list[Any] = ["dynamic", "static"]


def by_generate(model: Any, ids: torch.Tensor, mask: torch.Tensor, ends: list[int], cache: str) -> list[list[int]]:
    """The new tokens of ``model.generate``, each row cut behind its end token."""
    sequences = model.generate(
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=NEW,
        do_sample=False,
        cache_implementation=cache,
        pad_token_id=PAD,
        eos_token_id=ends or None,
    )
    rows = sequences[:, ids.shape[1] :].tolist()
    cuts = [next((i + 1 for i, token in enumerate(row) if token in ends), len(row)) for row in rows]
    return [row[:cut] for row, cut in zip(rows, cuts, strict=True)]


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize("family", FAMILIES)
def test_it_equals_generate(family: str, cache: Any, attention: str) -> None:
    model, (ids, mask) = build(family, attention), left_padded()
    assert model.config._attn_implementation == attention
    free = decode_loop(model, ids, mask, max_new_tokens=NEW, eos_token_id=None, cache=cache)
    assert [len(row) for row in free] == [NEW] * 4
    assert len({token for row in free for token in row}) > 8, "the tokens are to tell right from wrong"
    assert free == by_generate(model, ids, mask, [], cache)

    eos, stop = free[1][2], free[3][5]  # rows that end early change nothing for the others
    loop = decode_loop(model, ids, mask, max_new_tokens=NEW, eos_token_id=eos, stop_ids=[stop], cache=cache)
    assert loop == by_generate(model, ids, mask, [eos, stop], cache)
    assert len({len(row) for row in loop}) > 1, "the rows were to end at different steps"


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_of_the_batch_equals_the_row_alone(family: str, cache: Any) -> None:
    model, (ids, mask) = build(family), left_padded()
    together = decode_loop(model, ids, mask, max_new_tokens=NEW, eos_token_id=None, cache=cache)
    for row, tokens in enumerate(together):
        alone = ids[row][mask[row] == 1][None]  # (seq,) -> (length,) -> (1, length)
        expected = decode_loop(model, alone, torch.ones_like(alone), max_new_tokens=NEW, eos_token_id=None)
        assert [tokens] == expected


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize("family", ["llama", "mistral-sliding"])
def test_tokens_mask_positions_and_cache_lose_a_row_together(family: str, cache: Any) -> None:
    model, (ids, mask) = build(family), left_padded()
    eos = decode_loop(model, ids, mask, max_new_tokens=NEW, eos_token_id=None)[1][2]
    seen: list[tuple[int, ...]] = []

    def look(_module: Any, _args: Any, kwargs: dict[str, Any]) -> None:
        held = kwargs["past_key_values"].layers[0].keys
        rows = len(held) if held is not None else len(kwargs["input_ids"])
        seen.append((len(kwargs["input_ids"]), len(kwargs["attention_mask"]), len(kwargs["position_ids"]), rows))
        assert kwargs["attention_mask"].shape[1] == ids.shape[1] + len(seen) - 1
        assert torch.equal(kwargs["position_ids"][:, -1], kwargs["attention_mask"].sum(-1) - 1)

    model.register_forward_pre_hook(look, with_kwargs=True)
    decode_loop(model, ids, mask, max_new_tokens=NEW, eos_token_id=eos, cache=cache)
    assert all(len(set(rows)) == 1 for rows in seen)
    assert seen[0][0] == 4
    assert seen[-1][0] < 4


def test_it_stops_when_all_rows_have_ended() -> None:
    model, (ids, mask) = build("llama"), left_padded()
    first = {row[0] for row in decode_loop(model, ids, mask, max_new_tokens=1, eos_token_id=None)}
    ended = decode_loop(model, ids, mask, max_new_tokens=NEW, eos_token_id=sorted(first))
    assert [len(row) for row in ended] == [1] * 4


def test_without_a_mask_the_pad_token_tells_unless_it_also_ends_a_text() -> None:
    model, (ids, mask) = build("llama"), left_padded()
    settings: dict[str, Any] = {"max_new_tokens": 3, "eos_token_id": 7}
    told = decode_loop(model, ids, pad_token_id=PAD, **settings)
    assert told == decode_loop(model, ids, mask, **settings)
    with pytest.raises(UsageError, match="the pad token 7 also ends a text"):
        decode_loop(model, ids, pad_token_id=7, **settings)
    with pytest.raises(UsageError, match="there is no pad token"):
        decode_loop(model, ids, **settings)

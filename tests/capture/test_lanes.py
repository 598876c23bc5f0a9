"""A call that goes along a lane leaves what describing it in full leaves."""

from __future__ import annotations

import contextlib
import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM
from transformers.cache_utils import DynamicLayer

import shapeguard
from shapeguard.capture import lanes, steady
from shapeguard.capture.wrappers import concat
from shapeguard.values.recording import Row


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """No step is passed as a whole, as in a program with other threads."""
    monkeypatch.setattr(steady.Step, "goes_on", lambda *args: False)


def model() -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=40,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        eos_token_id=None,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config).eval()


def generate(llama: Any, batch: int = 2, prompt: int = 4, new: int = 12, **settings: Any) -> None:
    ids = torch.arange(1, 1 + batch * prompt).reshape(batch, prompt)
    llama.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, do_sample=False, **settings)


@torch.no_grad()
def by_hand(llama: Any, steps: int = 12, between: Callable[[Any, int], None] = lambda cache, step: None) -> None:
    ids, cache = torch.arange(1, 9).reshape(2, 4), DynamicCache(config=llama.config)
    for step in range(steps):
        out = llama(ids, past_key_values=cache, use_cache=True)
        ids = out.logits[:, -1:].argmax(-1)
        between(cache, step)


def crop(cache: Any, step: int) -> None:
    if step == 9:
        cache.crop(-4)


def halve(cache: Any, step: int) -> None:
    """Values alone lose their last positions: the next attention fails."""
    if step == 9:
        cache.layers[1].values = cache.layers[1].values[:, :, :-2]


PROGRAMS: dict[str, Callable[[Any], None]] = {
    "generate": generate,
    "static": lambda llama: generate(llama, cache_implementation="static"),
    "batches": lambda llama: [generate(llama, batch, prompt) for batch in (1, 2, 3) for prompt in (2, 5)] and None,
    "by hand": by_hand,
    "crop": lambda llama: by_hand(llama, between=crop),
    "values cut": lambda llama: by_hand(llama, between=halve),
}


def rows(program: Callable[[Any], None]) -> list[Row]:
    with shapeguard.guard("user") as guard, contextlib.suppress(RuntimeError):
        program(model())
    return [row for row in guard.recording.rows if row.kind in ("attention", "cache")]


def test_calls_are_counted_where_rows_take_all() -> None:
    """Prompts of more lengths than rows are kept apart for. Which of two runs a call goes on is then left open."""
    found: dict[tuple[str, str], int] = {}
    for row in rows(lambda llama: [generate(llama, 1, prompt, 4) for prompt in range(1, 30)] and None):
        found[row.op, row.module] = found.get((row.op, row.module), 0) + row.count
        if row.varied and row.kind == "attention":
            assert row.inputs[1].last == row.inputs[2].last
    assert set(found.values()) == {29 * 4}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_rows_with_and_without(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    along = [0]
    count = lanes.Lane.count

    def counted(self: lanes.Lane, made: Any = ()) -> None:
        along[0] += 1
        count(self, made)

    with monkeypatch.context() as patched:
        patched.setattr(lanes.Lane, "count", counted)
        found = rows(PROGRAMS[name])
    assert along[0] >= 4
    monkeypatch.setattr(lanes.Lane, "goes_on", lambda *args: False)
    assert found == rows(PROGRAMS[name])


@pytest.mark.parametrize("others", [0, 1])
def test_ids_and_their_mask_are_rows_of_their_own(others: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone, and with another thread in the process, as a notebook has."""
    done = threading.Event()
    threads = [threading.Thread(target=done.wait) for _ in range(others)]
    for thread in threads:
        thread.start()
    described: list[Any] = []
    whole = concat._Watched._watched
    monkeypatch.setattr(concat._Watched, "_watched", lambda *args: described.append(args) or whole(*args))
    with shapeguard.guard("boundary") as guard:
        generate(model(), new=40)
    done.set()
    joined = [row for row in guard.recording.rows if row.op == "cat" and row.inputs[0].dtype == "int64"]
    assert [row.count for row in joined] == [40, 40]  # a row for each, and not one for each step
    assert all(row.module == "" and not row.varied for row in joined)
    assert len(described) < 10, "the later steps go along lanes"


def test_a_layer_of_the_cache_takes_what_it_took_before() -> None:
    """Its third argument is no index, and need not be hashable."""
    keys = torch.ones(1, 1, 2, 4)
    with shapeguard.guard("user"):
        torch.cat([keys, keys])  # a place is known: lanes are asked for from here on
        layer = DynamicLayer()
        for length in (2, 4):
            kept, _ = layer.update(keys, keys, {"cache_position": [0, 1]})
            assert kept.shape[2] == length


def test_nothing_is_kept_alive() -> None:
    llama = model()
    with shapeguard.guard("user"):
        generate(llama)
        gone = weakref.ref(llama)
        del llama
        gc.collect()
        assert gone() is None


def test_an_error_of_a_foreseen_call_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    llama = model()
    calls = [0]
    original = torch.nn.functional.scaled_dot_product_attention

    def failing(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == 17:
            raise RuntimeError("out of memory")
        return original(*args, **kwargs)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", failing)
    with shapeguard.guard("user") as guard, pytest.raises(RuntimeError, match="out of memory"):
        by_hand(llama)
    failed = [row for row in guard.recording.rows if row.error and row.kind == "attention"]
    assert len(failed) == 1
    assert [tensor.label for tensor in failed[0].inputs] == ["query", "key", "value"]

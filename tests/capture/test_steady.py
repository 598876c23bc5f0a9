"""Steps that repeat are counted as if each had been watched; whatever is different is watched."""

from __future__ import annotations

import contextlib
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM, StaticCache
from transformers.models.llama import modeling_llama

import shapeguard
from shapeguard.capture import steady
from shapeguard.capture.wrappers.builtin import StandIn
from shapeguard.values.recording import Row


def llama() -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=40, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


class Net(nn.Module):
    """The user's own: everything in it is watched, op by op."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 8), nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.cat([self.first(x).relu()[:, :4], x[:, :4]], dim=1))


class Remembering(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.state = super().forward(x).detach() + 1
        return self.state


def generate() -> None:
    model = llama()
    for prompt in (4, 4, 6):
        ids = torch.arange(1, 1 + 2 * prompt).reshape(2, prompt)
        model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=9, do_sample=False)


@torch.no_grad()
def by_hand(between: Callable[[Any, int], None] = lambda cache, step: None) -> None:
    model = llama()
    ids, cache = torch.arange(1, 9).reshape(2, 4), DynamicCache(config=model.config)
    for step in range(12):
        out = model(ids, past_key_values=cache, use_cache=True)
        ids = out.logits[:, -1:].argmax(-1)
        between(cache, step)


def cropped(cache: Any, step: int) -> None:
    if step == 8:
        cache.crop(-3)


def train(model: nn.Module | None = None, sizes: tuple[int, ...] = (4,) * 9 + (3, 4, 4)) -> None:
    net = model or Net()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    for size in sizes:
        loss = net(torch.ones(size, 6)).square().mean()
        loss.backward()
        optimizer.step()


def in_turn() -> None:
    net = Net()
    for _ in range(8):
        real = net(torch.ones(4, 6))
        fake = net(torch.zeros(4, 6))
        torch.cat([real, fake])


PROGRAMS: dict[str, Callable[[], None]] = {
    "generate": generate,
    "by hand": by_hand,
    "cropped": lambda: by_hand(cropped),
    "training": train,
    "in turn": in_turn,
}


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many calls were passed."""
    count = [0]
    original = steady.Step._count

    def counted(self: steady.Step, *args: Any) -> None:
        count[0] += 1
        original(self, *args)

    monkeypatch.setattr(steady.Step, "_count", counted)
    return count


def rows(program: Callable[[], None], level: str = "user") -> list[Row]:
    with shapeguard.guard(level) as guard, contextlib.suppress(RuntimeError):
        program()
    return list(guard.recording.rows)


@pytest.mark.parametrize("level", ["boundary", "user"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_rows_with_and_without(
    name: str, level: str, passed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = rows(PROGRAMS[name], level)
    if level == "user" or name not in ("training", "in turn"):
        assert passed[0] >= 4
    monkeypatch.setattr(steady.Step, "goes_on", lambda *args: False)
    assert found == rows(PROGRAMS[name], level)


@pytest.mark.parametrize("name", PROGRAMS)
def test_all_operations_are_counted(name: str, passed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """At this level rows that grow and are met several times a step are not told apart from step to step."""

    def counts() -> dict[tuple[str, str, int], int]:
        found: dict[tuple[str, str, int], int] = {}
        for row in rows(PROGRAMS[name], "all"):
            found[row.kind, row.op, row.chain] = found.get((row.kind, row.op, row.chain), 0) + row.count
        return found

    found = counts()
    assert passed[0] >= 4
    monkeypatch.setattr(steady.Step, "goes_on", lambda *args: False)
    assert found == counts()


def test_what_keeps_tensors_is_always_watched(passed: list[int]) -> None:
    net = Remembering()
    with shapeguard.guard("user"):
        for _ in range(9):
            net(torch.ones(4, 6))
    assert passed[0] == 0


def test_what_has_hooks_is_always_watched(passed: list[int]) -> None:
    net = Net()
    net.first.register_forward_hook(lambda module, args, out: out * 2)
    with shapeguard.guard("user"):
        train(net)
    assert passed[0] == 0


def test_what_comes_of_a_passed_call_has_its_origin(passed: list[int]) -> None:
    net = Net()

    def program() -> None:
        for step in range(9):
            out = net(torch.ones(4, 6))
            if step == 8:
                torch.cat([out, torch.ones(4, 3)])  # the first event of its kind

    joined = next(row for row in rows(program) if row.op == "cat" and row.inputs[0].last == (4, 2))
    assert passed[0] >= 4
    assert joined.inputs[0].origin is not None


def test_an_error_in_a_passed_step_is_told(passed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(cache: Any, step: int) -> None:
        if step == 8:
            for layer in cache.layers:
                layer.keys, layer.values = layer.keys[:1], layer.values[:1]

    def failed() -> tuple[list[Row], str]:
        guard = shapeguard.guard("user")
        with pytest.raises(RuntimeError), guard:
            by_hand(cut)
        first = guard.report.findings[0]
        assert first.location is not None
        return [row for row in guard.recording.rows if row.error], f"{first.code} {first.location.source}"

    found = failed()
    assert passed[0] >= 4
    assert {row.kind for row in found[0]} == {"cache", "forward"}
    assert found[1] == "SG301 layer.keys, layer.values = layer.keys[:1], layer.values[:1]"
    monkeypatch.setattr(steady.Step, "goes_on", lambda *args: False)
    assert found == failed()


def test_a_full_cache_is_told_once(passed: list[int]) -> None:
    @torch.no_grad()
    def overflow() -> None:
        model = llama()
        cache = StaticCache(config=model.config, max_cache_len=14)
        ids = torch.arange(1, 9).reshape(2, 4)
        for _ in range(12):
            ids = model(ids, past_key_values=cache).logits[:, -1:].argmax(-1)

    guard = shapeguard.guard("user")
    with pytest.raises(IndexError), guard:
        overflow()
    assert passed[0] >= 4
    assert [row.op for row in guard.recording.rows if row.error] == ["StaticCache.update", "LlamaForCausalLM"]
    first = guard.report.findings[0]
    assert first.code == "SG304"
    assert first.location is not None
    assert "max_cache_len=14" in first.location.source


def test_nothing_is_kept_alive(passed: list[int]) -> None:
    net = Net()
    with shapeguard.guard("user"):
        train(net)
        gone = weakref.ref(net)
        del net
        gc.collect()
        assert gone() is None
    assert passed[0] >= 4


def test_modes_and_flags_are_back_after_an_error(passed: list[int]) -> None:
    class Failing(Net):
        fails = False

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if Failing.fails:
                raise KeyError("odd")
            return super().forward(x)

    net = Failing()
    with shapeguard.guard("user") as guard:
        for _ in range(6):
            net(torch.ones(4, 6))
        Failing.fails = True
        with contextlib.suppress(KeyError):
            net(torch.ones(4, 6))
        torch.ones(3).clamp(min=2)
    assert passed[0] >= 2
    assert "clamp" in {row.op for row in guard.recording.rows}


def test_torchs_own_functions_are_in_place_while_a_step_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    places = ((torch, "cat"), (torch.nn.functional, "scaled_dot_product_attention"))
    builtin = [vars(owner)[name] for owner, name in places]
    seen: list[bool] = []
    rotate = modeling_llama.apply_rotary_pos_emb

    def rotated(*args: Any, **kwargs: Any) -> Any:
        seen.append([vars(owner)[name] for owner, name in places] == builtin and not _ours(places))
        return rotate(*args, **kwargs)

    monkeypatch.setattr(modeling_llama, "apply_rotary_pos_emb", rotated)
    with shapeguard.guard("user"):
        by_hand()
        assert _ours(places)
    assert not seen[0]
    assert seen[-1]
    assert not _ours(places)


def _ours(places: tuple[tuple[Any, str], ...]) -> bool:
    return any(isinstance(vars(owner)[name], StandIn) for owner, name in places)

"""The batch again with one thing repaired: each repair is a hypothesis, and the one that mends the rows is the cause."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch

from shapeguard.values.verification import Repair, greatest
from shapeguard.verifying.batches import PromptBatch
from shapeguard.verifying.compare import by_step, within
from shapeguard.verifying.generation import Walk, walk_batch
from shapeguard.verifying.wider import Subject, computing_in

# By name: the rule whose cause it would be. In the order in which they are tried.
LEFT, MASK, POSITIONS, CACHE, EAGER = (
    "padding on the left", "the mask given", "positions given", "without a cache", "eager attention",
)  # fmt: skip
CODES = {LEFT: "SG101", MASK: "SG103", POSITIONS: "SG403", CACHE: "SG307", EAGER: "SG406"}


class Bench(NamedTuple):
    """All that a repair needs: the model to run, the batch, and what its failing rows give alone."""

    subject: Subject
    batch: PromptBatch
    alone: Sequence[Walk]
    tolerances: Sequence[float]
    failed: Sequence[int]

    def left_over(self, repairs: frozenset[str], batch: PromptBatch | None = None) -> tuple[float | None, ...]:
        """The differences that failing rows still have, with these repairs made."""
        walks = run(self, repairs, batch)
        return tuple(greatest(by_step(walks[row].logits, self.alone[row].logits)) for row in self.failed)

    def mends(self, left_over: Sequence[float | None]) -> bool:
        """Whether nothing is left but rounding."""
        return all(within((found,), self.tolerances[row]) for row, found in zip(self.failed, left_over, strict=True))


def run(bench: Bench, repairs: frozenset[str], batch: PromptBatch | None = None) -> list[Walk]:
    """The batch with these repairs made, each row fed the tokens that it takes alone."""
    model, batch = bench.subject.model, batch or bench.batch
    if LEFT in repairs:
        batch = batch.padded_left()
    if MASK in repairs:
        batch = batch._replace(given=batch.real)
    options: dict[str, Any] = {"use_cache": False} if CACHE in repairs else {}
    with contextlib.ExitStack() as stack:
        stack.enter_context(computing_in(bench.subject.dtype, bench.subject.copied))
        if repairs & {MASK, POSITIONS}:
            stack.enter_context(_given_at_forward(model, batch, MASK in repairs, POSITIONS in repairs))
        if EAGER in repairs:
            stack.enter_context(_eager(model))
        return walk_batch(model, batch, [walk.tokens for walk in bench.alone], **options)


def causes(bench: Bench) -> tuple[list[Repair], list[str]]:
    """What was tried, and the names of the repairs that mend: one if one is enough, else the fewest found together."""
    tried: list[Repair] = []
    names = _applicable(bench)
    for repair in names:
        tried.append(_try(bench, repair))
        if tried[-1].mends:
            return tried, [repair]
    possible = [repair.name for repair in tried if not repair.remark]
    if len(possible) < 2 or not _mends(bench, possible):
        return tried, []
    needed = list(possible)
    for repair in reversed(possible):  # leave out each that the others can do without, the least likely first
        fewer = [name for name in needed if name != repair]
        if _mends(bench, fewer):
            needed = fewer
    return tried, needed


def rows_mix(bench: Bench) -> bool:
    """Whether a row changes with what the other rows say: nothing in a batch may do that."""
    plain = run(bench, frozenset())
    for row in bench.failed:
        other = run(bench, frozenset(), bench.batch.with_other_rows_reversed(row))
        if not within(by_step(other[row].logits, plain[row].logits), bench.tolerances[row]):
            return True
    return False


def _applicable(bench: Bench) -> list[str]:
    """Repairs that would change anything."""
    config = bench.subject.model.config
    decoder_only = not getattr(config, "is_encoder_decoder", False)
    wanted = {
        LEFT: decoder_only and bench.batch.side == "right",
        MASK: bench.batch.side != "none",
        POSITIONS: decoder_only and bench.batch.side != "none",
        CACHE: max(len(walk.tokens) for walk in bench.alone) > 1,
        EAGER: bench.subject.copied and getattr(config, "_attn_implementation", None) not in (None, "eager"),
    }
    return [name for name, wanted_here in wanted.items() if wanted_here]


def _try(bench: Bench, repair: str) -> Repair:
    try:
        left_over = bench.left_over(frozenset({repair}))
    except Exception as error:  # a model without that argument, an attention it has not: the hypothesis stays open
        return Repair(repair, CODES[repair], False, None, f"could not be tried: {type(error).__name__}: {error}"[:200])
    return Repair(repair, CODES[repair], bench.mends(left_over), greatest(left_over))


def _mends(bench: Bench, repairs: Sequence[str]) -> bool:
    try:
        return bench.mends(bench.left_over(frozenset(repairs)))
    except Exception:  # together they ask for what the model cannot do
        return False


@contextlib.contextmanager
def _given_at_forward(model: Any, batch: PromptBatch, mask: bool, positions: bool) -> Iterator[None]:
    """Mask and positions handed to the model itself, however its ``generate`` prepares its inputs."""
    handle = model.register_forward_pre_hook(_giver(batch.real, mask, positions), with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def _giver(real: torch.Tensor, mask: bool, positions: bool) -> Callable[..., Any]:
    taken = 0  # tokens since the prompt

    def give(module: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        nonlocal taken
        whole = torch.cat([real, real.new_ones(len(real), taken)], dim=1)  # (batch, prompt) -> (batch, prompt + taken)
        taken += 1
        new = kwargs["input_ids"].shape[1]
        if mask and kwargs.get("attention_mask") is None and not module.config.is_encoder_decoder:
            kwargs["attention_mask"] = whole
        if positions:
            kwargs["position_ids"] = (whole.cumsum(-1) - 1).clamp(min=0)[
                :, -new:
            ]  # (batch, past + seq) -> (batch, seq)
        return args, kwargs

    return give


@contextlib.contextmanager
def _eager(model: Any) -> Iterator[None]:
    """Eager attention in a copy of the model."""
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)

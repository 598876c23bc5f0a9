"""The batch as a tokenizer makes it, its prompts alone, and the batch made right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from shapeguard.errors import UsageError


class PromptBatch(NamedTuple):
    """Prompts as one batch: what a pipeline passes on, and where in it each prompt really lies."""

    ids: torch.Tensor  # (batch, seq)
    given: torch.Tensor | None  # the mask that is passed on, (batch, seq)
    alone: tuple[tuple[int, ...], ...]  # the tokens of each prompt by itself
    starts: tuple[int, ...]  # the column in which each row's own tokens begin

    @property
    def real(self) -> torch.Tensor:
        """The mask as it should be: 1 where a prompt's own tokens are, (batch, seq)."""
        columns = torch.arange(self.ids.shape[1])  # (seq,)
        starts = torch.tensor(self.starts)[:, None]  # (batch, 1)
        ends = starts + torch.tensor([len(row) for row in self.alone])[:, None]  # (batch, 1)
        inside = (columns >= starts) & (columns < ends)  # (seq,) against (batch, 1) -> (batch, seq)
        return inside.long().to(self.ids.device)

    @property
    def pads(self) -> list[int]:
        """How many columns of each row are padding."""
        return [self.ids.shape[1] - len(row) for row in self.alone]

    @property
    def side(self) -> str:
        """Where the padding is."""
        padded = [start for start, pads in zip(self.starts, self.pads, strict=True) if pads]
        return "none" if not padded else "right" if 0 in padded else "left"

    @property
    def mask(self) -> str:
        """Whether a mask is passed on, and the right one."""
        if self.given is None:
            return "absent"
        return "given" if torch.equal(self.given.bool(), self.real.bool()) else "wrong"

    def padded_left(self) -> PromptBatch:
        """The same rows with their padding, and what the mask says of it, moved to the left."""
        shifts = self.pads if self.side == "right" else [0] * len(self.alone)

        def moved(table: torch.Tensor) -> torch.Tensor:
            return torch.stack([row.roll(shift) for row, shift in zip(table, shifts, strict=True)])

        starts = tuple(start + shift for start, shift in zip(self.starts, shifts, strict=True))
        given = None if self.given is None else moved(self.given)
        return PromptBatch(moved(self.ids), given, self.alone, starts)

    def with_other_rows_reversed(self, kept: int) -> PromptBatch:
        """The same batch in which every row but one says something else, padding and mask as they were."""
        ids = self.ids.clone()
        for row, (start, tokens) in enumerate(zip(self.starts, self.alone, strict=True)):
            if row != kept:
                ids[row, start : start + len(tokens)] = torch.tensor(tokens[::-1], device=ids.device)
        return self._replace(ids=ids)


def encode_as_it_is(tokenizer: Any, prompts: Sequence[str], pass_mask: bool, device: Any) -> PromptBatch:
    """The batch as the tokenizer makes it now, with the padding side and the mask that it has.

    Raises:
        UsageError: there are fewer than two prompts, one has no tokens, or is other tokens in the batch than alone.
    """
    if isinstance(prompts, str) or not isinstance(prompts, Sequence) or not all(isinstance(p, str) for p in prompts):
        raise UsageError(f"expected a list of prompts, got {prompts!r:.60}")
    if len(prompts) < 2:
        raise UsageError(f"expected at least two prompts, got {len(prompts)}: a batch of one is its own row")
    singly = tokenizer(list(prompts), padding=False, return_token_type_ids=False)["input_ids"]
    alone = tuple(tuple(row) for row in singly)
    if () in alone:
        raise UsageError(f"prompt {alone.index(())} of {len(alone)} (counted from 0) has no tokens; leave it out")
    batch = tokenizer(list(prompts), padding=True, return_tensors="pt", return_token_type_ids=False)
    given = batch.get("attention_mask") if pass_mask else None
    ids = batch["input_ids"].to(device)  # (batch, seq)
    right = getattr(tokenizer, "padding_side", "right") == "right"
    starts = tuple(
        _start(row, list(tokens), right, at) for at, (row, tokens) in enumerate(zip(ids.tolist(), alone, strict=True))
    )
    return PromptBatch(ids, None if given is None else given.to(device), alone, starts)


def _start(row: list[int], tokens: list[int], right: bool, at: int) -> int:
    """The column in which a row's own tokens begin: told by the tokens, for a mask may be wrong."""
    free = len(row) - len(tokens)
    for start in (0, free) if right else (free, 0):
        if start >= 0 and row[start : start + len(tokens)] == tokens:
            return start
    raise UsageError(
        f"prompt {at} (counted from 0) is other tokens in the batch than alone: {len(tokens)} alone, in a row of {len(row)}; "
        "look at the tokenizer's truncation"
    )

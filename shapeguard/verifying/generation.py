"""A model's own greedy ``generate``, watched: the logits that choose each new token, along given tokens where asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from transformers import GenerationConfig, LogitsProcessor

from shapeguard.verifying.batches import PromptBatch


class Walk(NamedTuple):
    """One row's way: the tokens that were taken, and the logits each was chosen from."""

    tokens: list[int]
    logits: torch.Tensor  # (steps, vocab)

    @property
    def scale(self) -> float:
        """The greatest finite |logit|: what rounding is relative to."""
        return float(self.logits.abs().nan_to_num(0.0, 0.0, 0.0).max())


class Along(LogitsProcessor):
    """Lets ``generate`` take tokens that are given, so that the steps of two runs can be compared."""

    def __init__(self, rows: Sequence[Sequence[int]]) -> None:
        self.rows = rows
        self.step = 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        # Of a row that has ended generate takes the pad token, whatever is chosen here.
        chosen = torch.tensor([row[min(self.step, len(row) - 1)] for row in self.rows], device=scores.device)
        self.step += 1
        return torch.full_like(scores, float("-inf")).scatter(1, chosen[:, None], 0.0)  # (batch, vocab)


def walk_alone(model: Any, tokens: Sequence[int], steps: int, device: Any, along: Sequence[int] = ()) -> Walk:
    """One prompt by itself: no padding, a mask of ones."""
    ids = torch.tensor([list(tokens)], device=device)  # (1, seq)
    return generate(model, ids, torch.ones_like(ids), steps, [along] if along else ())[0]


def walk_batch(model: Any, batch: PromptBatch, along: Sequence[Sequence[int]], **options: Any) -> list[Walk]:
    """All prompts in one batch, each fed the tokens that it takes alone."""
    return generate(model, batch.ids, batch.given, max(map(len, along)), along, **options)


def generate(
    model: Any,
    ids: torch.Tensor,
    mask: torch.Tensor | None,
    steps: int,
    along: Sequence[Sequence[int]] = (),
    **options: Any,
) -> list[Walk]:
    """``model.generate`` with sampling and beams off, all else as the model's generation config says."""
    config = GenerationConfig(
        max_new_tokens=steps,
        do_sample=False,
        num_beams=1,
        num_return_sequences=1,
        repetition_penalty=1.0,
        temperature=1.0,
        top_p=1.0,
        disable_compile=True,
        output_logits=True,  # as the model gave them, before any processor
        return_dict_in_generate=True,
        **options,
    )
    passed = {"input_ids": ids} if mask is None else {"input_ids": ids, "attention_mask": mask}
    with torch.inference_mode():
        out = model.generate(**passed, generation_config=config, logits_processor=[Along(along)] if along else [])
    logits = torch.stack([step.cpu() for step in out.logits], dim=1)  # steps of (batch, vocab) -> (batch, steps, vocab)
    new = out.sequences[:, -logits.shape[1] :].tolist()  # (batch, prompt + steps) -> (batch, steps)
    lengths = [len(row) for row in along] if along else [logits.shape[1]] * len(new)
    return [Walk(row[:length], logits[at, :length]) for at, (row, length) in enumerate(zip(new, lengths, strict=True))]

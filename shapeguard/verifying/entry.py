"""The door: ``verify(model, tokenizer, prompts)`` or ``verify(function, rows)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, overload

from shapeguard.errors import UsageError
from shapeguard.needing import needing
from shapeguard.values.findings import Report

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@overload
def verify(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    *,
    new_tokens: int = 8,
    attention_mask: bool = True,
    tolerance: float | None = None,
) -> Report: ...


@overload
def verify(model: Callable[[Any], Any], tokenizer: Any, /, *, tolerance: float | None = None) -> Report: ...


def verify(
    model: Any,
    tokenizer: Any,
    prompts: Any = None,
    *,
    new_tokens: int = 8,
    attention_mask: bool = True,
    tolerance: float | None = None,
) -> Report:
    """Compare a batch with its rows one by one; ``report.verification`` holds the table, ``.passed`` the verdict.

    ``verify(model, tokenizer, prompts)`` runs ``model.generate`` greedily on the batch that the tokenizer makes as it is
    set, and on each prompt alone, and compares the logits that choose each new token: those of the prefill and of the
    decode steps. The batch is fed the tokens of the row alone, so that every step can be compared. Where rows differ,
    the batch is run again with one thing repaired at a time: what mends it is the cause.

    ``verify(function, rows)`` calls ``function(rows)``, and ``function`` with each row alone: a list of one for a list,
    a slice of one for a tensor, an array or a mapping of tensors. What comes out may be tensors, lists or mappings.

    Model and tokenizer are left as they were: training mode, dtype, attention, random numbers, padding.

    Args:
        new_tokens: how many steps are compared: the prefill and ``new_tokens - 1`` decode steps.
        attention_mask: False leaves the mask out, as ``model.generate(batch["input_ids"])`` does.
        tolerance: the greatest difference that counts as equal, instead of the one derived from the dtype.

    Raises:
        UsageError: fewer than two rows, a prompt without tokens, or something that is neither model nor function.
    """
    if tolerance is not None and not tolerance >= 0:
        raise UsageError(f"tolerance: expected a number of 0 or more, got {tolerance!r}")
    if prompts is None:
        if not callable(model):
            raise UsageError(f"expected a function and its rows, got {type(model).__name__} for the function")
        if hasattr(model, "generate") and callable(tokenizer):
            raise UsageError("expected verify(model, tokenizer, prompts): the prompts are missing")
        with needing("verify"):
            from shapeguard.verifying.functions import verify_function

        return verify_function(model, tokenizer, tolerance)
    if isinstance(new_tokens, bool) or not isinstance(new_tokens, int) or new_tokens < 1:
        raise UsageError(f"new_tokens: expected 1 or more, got {new_tokens!r}")
    if not callable(getattr(model, "generate", None)):
        raise UsageError(
            f"expected a model with generate(), got {type(model).__name__}; any other is verified by "
            "verify(function, rows)"
        )
    with needing("verify of a model"):
        from shapeguard.verifying.models import verify_model

    return verify_model(model, tokenizer, prompts, new_tokens, attention_mask, tolerance)

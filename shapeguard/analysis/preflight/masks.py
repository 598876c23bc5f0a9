"""Mask and positions against the padding: there, of the right shape, and saying the same."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.preflight.base import ERROR, NOTE, WARNING, Problem, rows_text
from shapeguard.values.findings import Mismatch, Severity
from shapeguard.values.pipeline import Pipeline

_PASS_IT = "Pass the tokenizer's mask on with the ids: `model.generate(**batch)`."


def unmasked(pipeline: Pipeline) -> Iterator[Problem]:
    """Padded rows without a mask, or with one that shows the padding."""
    batch = pipeline.batch
    if batch is None or not batch.shown:
        return
    said = rows_text(batch.shown, batch.rows)
    if batch.mask != "absent":
        yield Problem(
            "SG103", ERROR, f"In {said} the attention mask is 1 over padding: real tokens attend to it.", _PASS_IT
        )
    elif not _worked_out(pipeline):
        message = f"{said} {'is' if batch.shown == 1 else 'are'} padded, and no attention mask is given"
        why = "the pad token is the end token too, so `generate` cannot work it out"
        yield Problem("SG103", ERROR, f"{message}: {why}.", _PASS_IT)


def _worked_out(pipeline: Pipeline) -> bool:
    """Whether ``generate`` makes the mask itself: it can where the pad token is a token of its own."""
    pad, ends = pipeline.settings.pad_token_id, pipeline.settings.ends
    return pad is not None and pad not in ends


def hides_tokens(pipeline: Pipeline) -> Iterator[Problem]:
    """A mask that leaves out real tokens."""
    batch = pipeline.batch
    if batch is not None and batch.hidden:
        yield Problem(
            "SG103",
            WARNING,
            f"In {rows_text(batch.hidden, batch.rows)} the attention mask is 0 over tokens that are not padding: the model does not see them.",
            "Take mask and ids from the same call of the tokenizer, and cut or join both alike.",
        )


def mask_shape(pipeline: Pipeline) -> Iterator[Problem]:
    """A mask of another shape than the ids."""
    batch = pipeline.batch
    if batch is None or len(batch.mask_shape) != 2 or batch.ragged:
        return
    allowed = {batch.width, batch.width + _cached(pipeline)}
    (rows, width), ids = batch.mask_shape, (batch.rows, batch.width)
    if rows == batch.rows and width in allowed:
        return
    dim = 0 if rows != batch.rows else 1
    yield Problem(
        "SG401",
        ERROR,
        f"The attention mask is (batch {rows}, seq {width}), the ids are (batch {ids[0]}, seq {ids[1]})"
        + (f" with {_cached(pipeline)} positions cached." if _cached(pipeline) else "."),
        "Make the mask with the ids and change both together: rows, and columns of prompt and cache.",
        mismatch=Mismatch("dim", (batch.mask_shape[dim], ids[dim]), dim),
    )


def _cached(pipeline: Pipeline) -> int:
    return (pipeline.cache.length or 0) if pipeline.cache is not None else 0


def positions_shape(pipeline: Pipeline) -> Iterator[Problem]:
    """Position ids of another length than the ids."""
    batch = pipeline.batch
    if batch is None or len(batch.positions_shape) != 2 or batch.ragged:
        return
    if batch.positions_shape[1] != batch.width or batch.positions_shape[0] not in (1, batch.rows):
        dim = 1 if batch.positions_shape[1] != batch.width else 0
        sizes = (batch.positions_shape[dim], (batch.rows, batch.width)[dim])
        yield Problem(
            "SG403",
            ERROR,
            f"There are position ids for (batch, seq) {batch.positions_shape}, and ids of {(batch.rows, batch.width)}.",
            "Count the positions from the mask: `(attention_mask.cumsum(-1) - 1).clamp(min=0)`.",
            mismatch=Mismatch("dim", sizes, dim),
        )


def positions_value(pipeline: Pipeline) -> Iterator[Problem]:
    """Positions that count left padding, by hand or in an encoder that counts columns."""
    batch, model = pipeline.batch, pipeline.model
    if batch is None or batch.side not in ("left", "both"):
        return
    if batch.positions == "padding":
        said = (
            "The position ids count the padding on the left: the first real token of a short row is not at position 0"
        )
        # Rotary positions are relative: what is shifted as a whole stays the same but for rounding.
        yield _counted(ERROR, f"{said}.") if model.learned_positions else _counted(NOTE, f"{said}.")
    elif model.kind != "decoder" and model.learned_positions and batch.positions == "absent":
        said = f"{model.name} counts positions from the first column"
        yield _counted(WARNING, f"{said}: padding on the left shifts the real tokens of short rows.")


def _counted(severity: Severity, message: str) -> Problem:
    fix = "Count them from the mask: `(attention_mask.cumsum(-1) - 1).clamp(min=0)`; for encoders pad on the right."
    return Problem("SG403", severity, message, fix, ("position_ids", "padding_side"))

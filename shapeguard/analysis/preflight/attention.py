"""The attention implementation against what is asked of it: maps, mask, dtype, device."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.preflight.base import ERROR, Problem
from shapeguard.values.findings import Mismatch, Severity
from shapeguard.values.pipeline import Pipeline

_HALF = ("float16", "bfloat16")
_LARGEST_HEAD = 256  # of the flash kernels


def fused_maps(pipeline: Pipeline) -> Iterator[Problem]:
    """Attention weights asked of an implementation that never forms them."""
    model, settings = pipeline.model, pipeline.settings
    asked = model.attentions_asked or (settings.output_attentions is True and settings.return_dict_in_generate is True)
    if asked and model.attention and model.attention != "eager":
        yield _problem(
            f"Attention weights are asked for, and {model.attention} never forms them.",
            '`attn_implementation="eager"` where the model is loaded.',
            ("attn_implementation",),
        )


def flash_dtype(pipeline: Pipeline) -> Iterator[Problem]:
    """Flash attention in a dtype its kernels do not have."""
    model = pipeline.model
    if _flash(pipeline) and model.dtype and model.dtype not in _HALF:
        yield _problem(
            f"{model.attention} takes float16 and bfloat16; the model is {model.dtype}.",
            "Load the model with `dtype=torch.bfloat16`, or use sdpa.",
            ("dtype", "torch_dtype", "attn_implementation"),
        )


def flash_device(pipeline: Pipeline) -> Iterator[Problem]:
    """Flash attention on the CPU."""
    model = pipeline.model
    if _flash(pipeline) and model.device.startswith("cpu"):
        yield _problem(f"{model.attention} runs on a GPU; the model is on the CPU.", "Move the model, or use sdpa.", ("attn_implementation",))  # fmt: skip


def flash_head(pipeline: Pipeline) -> Iterator[Problem]:
    """Heads wider than the flash kernels take."""
    size = pipeline.model.size_of_head
    if _flash(pipeline) and size is not None and size > _LARGEST_HEAD:
        yield _problem(
            f"{pipeline.model.attention} takes a head_dim of at most {_LARGEST_HEAD}; the model has {size}.",
            "Use sdpa for this model.",
            ("attn_implementation",),
            Mismatch("count", (size, _LARGEST_HEAD)),
        )


def flash_mask(pipeline: Pipeline) -> Iterator[Problem]:
    """A mask of (batch, heads, query, key) for kernels that take the padding alone."""
    batch = pipeline.batch
    if _flash(pipeline) and batch is not None and len(batch.mask_shape) == 4:
        yield _problem(
            f"{pipeline.model.attention} takes a mask of (batch, seq); this one has four dimensions, {batch.mask_shape}.",
            "Use sdpa or flex_attention for masks of one's own.",
            ("attn_implementation",),
            Mismatch("rank", (4, 2)),
        )


def _flash(pipeline: Pipeline) -> bool:
    return "flash" in pipeline.model.attention


def _problem(message: str, fix: str, fields: tuple[str, ...], mismatch: Mismatch | None = None) -> Problem:
    severity: Severity = ERROR
    return Problem("SG406", severity, message, fix, fields, mismatch)

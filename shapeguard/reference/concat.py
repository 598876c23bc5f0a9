"""``torch.cat`` and ``torch.stack`` that lose nothing silently: what does not fit is named, cut with a warning, or padded.

Where the shapes fit, the result is torch's own, bit for bit. What torch refuses for other reasons torch refuses here.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypedDict, overload

import torch

from shapeguard.errors import LossyConcatWarning
from shapeguard.reference.fitting import Kept, told
from shapeguard.reference.joining import OnMismatch, checked, joined, kept_of

if TYPE_CHECKING:
    from typing_extensions import Unpack  # comes with torch

    class Options(TypedDict, total=False):
        """The keywords of both functions."""

        on_mismatch: OnMismatch
        pad_value: complex
        names: Sequence[str] | None
        dims: Sequence[str] | None
        max_cut: float


@overload
def safe_cat(
    tensors: Sequence[torch.Tensor], dim: int = ..., *, return_kept: Literal[False] = ..., **options: Unpack[Options]
) -> torch.Tensor: ...
@overload
def safe_cat(
    tensors: Sequence[torch.Tensor], dim: int = ..., *, return_kept: Literal[True], **options: Unpack[Options]
) -> tuple[torch.Tensor, Kept]: ...
def safe_cat(
    tensors: Sequence[torch.Tensor],
    dim: int = 0,
    *,
    on_mismatch: OnMismatch = "raise",
    pad_value: complex = 0,
    names: Sequence[str] | None = None,
    dims: Sequence[str] | None = None,
    max_cut: float = 1.0,
    return_kept: bool = False,
) -> torch.Tensor | tuple[torch.Tensor, Kept]:
    """Join tensors along a dimension; in all others they have to agree.

    Args:
        tensors: the operands, as for ``torch.cat``.
        dim: the dimension they are joined along.
        on_mismatch: what to do where they disagree. "raise"; "clamp": of each operand the first entries that all have,
            in batch and sequence dimensions only, with a :class:`LossyConcatWarning`; "pad": extend the smaller ones.
        pad_value: what "pad" extends with, at the end.
        names: what the operands are called in errors and warnings, one name for each.
        dims: what the dimensions are, one word for each: "batch", "seq" and the like may be cut, others are features.
            Without it shapes are read as (seq), (batch, seq) of integers or (batch, feature) of floats,
            (batch, seq, feature), (batch, heads, seq, head_dim).
        max_cut: refuse to cut more than this share, from 0 to 1, of a dimension of any operand.
        return_kept: return ``(result, kept)``, where ``kept`` tells how many rows of each operand are in the result.

    Raises:
        ShapeMismatchError: the operands do not fit, and cutting was not asked for, is not allowed there, or is too much.
        UsageError: an unknown ``on_mismatch``, not a name for each operand, a pad value that the dtype cannot hold.
    """
    how = checked(on_mismatch, pad_value, names, dims, max_cut)
    result = joined("cat", tensors, dim, how)
    if not return_kept and on_mismatch != "clamp":
        return result
    kept = _told(kept_of("cat", tensors, dim, how, result), f"safe_cat along dim {dim}")
    return (result, kept) if return_kept else result


@overload
def safe_stack(
    tensors: Sequence[torch.Tensor], dim: int = ..., *, return_kept: Literal[False] = ..., **options: Unpack[Options]
) -> torch.Tensor: ...
@overload
def safe_stack(
    tensors: Sequence[torch.Tensor], dim: int = ..., *, return_kept: Literal[True], **options: Unpack[Options]
) -> tuple[torch.Tensor, Kept]: ...
def safe_stack(
    tensors: Sequence[torch.Tensor],
    dim: int = 0,
    *,
    on_mismatch: OnMismatch = "raise",
    pad_value: complex = 0,
    names: Sequence[str] | None = None,
    dims: Sequence[str] | None = None,
    max_cut: float = 1.0,
    return_kept: bool = False,
) -> torch.Tensor | tuple[torch.Tensor, Kept]:
    """Join tensors along a new dimension; they have to agree in all that they have. All else as in :func:`safe_cat`."""
    how = checked(on_mismatch, pad_value, names, dims, max_cut)
    result = joined("stack", tensors, dim, how)
    if not return_kept and on_mismatch != "clamp":
        return result
    kept = _told(kept_of("stack", tensors, dim, how, result), f"safe_stack along dim {dim}")
    return (result, kept) if return_kept else result


def _told(kept: Kept, call: str) -> Kept:
    """What was kept; where something was cut, with a warning on the line that called for the concatenation."""
    if kept.cuts:
        text = f"{call}: {'; '.join(told(cut) for cut in kept.cuts)}; the rest is cut off"
        if torch.compiler.is_compiling():
            _warn_while_compiling(text)
        else:
            warnings.warn(LossyConcatWarning(text), stacklevel=3)
    return kept


# Dynamo makes the call while it traces, once for each compiled shape, and leaves it out of the graph.
@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _warn_while_compiling(text: str) -> None:
    warnings.warn(LossyConcatWarning(text), stacklevel=2)

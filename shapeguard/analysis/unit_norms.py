"""Norms that are pulled towards one: of each sample as a whole, as a gradient penalty means them, or of a part of it.

The penalty of WGAN-GP (Gulrajani et al. 2017, «Improved Training of Wasserstein GANs», eq. 3) takes the norm of the gradient
of each sample. Of images that is a norm over channels and pixels; along one dim it is a norm for every pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.by_layer import part_of
from shapeguard.analysis.graph import users_of
from shapeguard.analysis.lineage import Hop, follow
from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row

_NORMS = frozenset({"norm", "linalg_norm", "linalg_vector_norm", "vector_norm"})
_SQUARES = frozenset({"pow", "square", "mul", "abs", "relu"})


class PartialNorm(NamedTuple):
    """A norm along some dims of each sample that is compared with one; ``left`` are the dims it leaves out."""

    row: Row
    left: tuple[int, ...]


def partial_norms(run: Run) -> Iterator[PartialNorm]:
    """Norms of something born outside of the watched ops (a gradient), along too few dims, in a penalty ``(norm - 1) ** 2``."""
    for row in run.of_kind("op"):
        if row.op not in _NORMS or row.error or not row.inputs or not row.outputs or row.inputs[0].origin is None:
            continue
        dims = _dims(row)
        left = tuple(dim for dim in range(1, len(row.inputs[0].last)) if dim not in dims) if dims else ()
        size = row.inputs[0].last
        if left and 0 not in dims and any(size[dim] > 1 for dim in left) and _is_penalty(run, row):
            yield PartialNorm(row, left)


def _dims(row: Row) -> tuple[int, ...]:
    rank = len(row.inputs[0].last)
    given = row.args.get("dim", row.args.get("axis"))
    numbers = [given] if isinstance(given, int) else given if isinstance(given, list) else []
    return tuple(number % rank for number in numbers if isinstance(number, int))


def _is_penalty(run: Run, row: Row) -> bool:
    """Whether one is taken away from the norm and what is left is squared."""
    for user in users_of(run, row):
        if user.op in ("sub", "rsub") and 1 in user.args.values():
            return any(next_user.op in _SQUARES for next_user in users_of(run, user))
    return False


def normalized_places(run: Run) -> Iterator[Row]:
    """``F.normalize`` and ``F.cosine_similarity`` along dim 1, their default, of (batch, places, features) whose features a layer put last."""
    for row in run.of_kind("op"):
        if row.op not in _ALONG_ONE or row.error or not row.inputs or len(row.inputs[0].last) != 3:
            continue
        if row.args.get("dim", 1) != 1 or row.inputs[0].last[1] < 2:
            continue
        hops = follow(run, row.inputs[0], 2)
        if any(hop.row.op in _FEATURES_LAST or _ends_in_features(run, hop) for hop in hops):
            yield row


def _ends_in_features(run: Run, hop: Hop) -> bool:
    """Whether a container gave (batch, features), as its last linear layer made them."""
    built = run.row(hop.row.owner)
    flat = hop.row.op == "Sequential" and len(hop.row.outputs[0].last) == 2 and hop.after == 1
    part = part_of(run, built, hop.size_after) if flat and built is not None else None
    return part is not None and part.op == "Linear"


_ALONG_ONE = frozenset({"normalize", "cosine_similarity"})  # run along dim 1 unless told otherwise
_FEATURES_LAST = frozenset({"Linear", "linear", "Embedding", "embedding", "LayerNorm", "layer_norm"})

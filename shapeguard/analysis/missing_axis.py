"""Operands of different rank that were aligned from the wrong end: one lacks an axis.

Broadcasting aligns from the right. A tensor of rows, (batch, 1), meets (batch, seq, features) with its batch at the sequence;
with one more axis behind it, (batch, 1, 1), it would fit. Then no size is wrong: the operand was given too few axes.
"""

from __future__ import annotations

from itertools import combinations, islice
from typing import NamedTuple

from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.ranks import rank_changes
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.sides import sides
from shapeguard.analysis.squeezed import squeezed_nothing
from shapeguard.values.findings import Location
from shapeguard.values.recording import NamedValue, TensorArg
from shapeguard.values.shapes import Shape

_REDUCING = frozenset({"var", "std", "logsumexp", "median", "norm", "var_mean"})
_FEW = 4  # ops behind an operand among which it was reduced
_COMPARING = frozenset({"eq", "ne"})
_NEAR = 12  # ops behind an operand among which it was spread out
_ROWS = 2  # dims of a table of rows and features


class MissingAxis(NamedTuple):
    """The operand that lacks axes, the shape with which it would fit, and where its number of axes was decided."""

    label: str
    shape: Shape
    wanted: Shape
    location: Location | None


def missing_axis(run: Run, failed: FailedOp) -> MissingAxis | None:
    """The failed elementwise operation as one whose smaller operand would fit with axes added behind its rows or at its end."""
    if failed.clash is None or failed.clash.kind != "dim" or family(failed.op) != "broadcast":
        return None
    shapes = {label: _shape(failed.operands.get(label)) for label in (failed.clash.left, failed.clash.right)}
    known = [(label, shape) for label, shape in shapes.items() if shape is not None]
    if len(known) != 2:
        return None
    (label, small), (_, large) = sorted(known, key=lambda item: len(item[1]))
    if len(small) == len(large):
        return None
    if any(squeezed_nothing(side) for side in sides(run, failed)):
        return None  # it is one axis too many that the larger one has
    if large == (*small, 1):
        return None  # and here too
    more = (1,) * (len(large) - len(small))
    if len(small) == 1 < small[0] and len(large) > _ROWS and large[1] == small[0] != large[0]:
        one_a_channel = small + more[1:]  # beside (batch, channels, height, width)
        return MissingAxis(label, small, one_a_channel, None)
    if failed.op in _COMPARING and _leads(small, large):
        return MissingAxis(label, small, small + more, None)  # scores of all classes beside the number of one
    if _leads(small, large):
        return MissingAxis(label, small, small + more, _location(run, failed.operands[label]))
    wanted = (
        small[:1] + more + small[1:]
    )  # rows and places fit, and something stands between them: classes, channels, heads
    if len(small) < 2 or small[0] < 2 or not _fits(wanted, large):
        return None
    return MissingAxis(label, small, wanted, None)


def turned(failed: FailedOp) -> bool:
    """Whether two operands of one rank have a size in common that stands at another place in each: their axes differ in order."""
    clash = failed.clash
    if clash is None or clash.kind != "dim" or family(failed.op) != "broadcast" or clash.left_dim is None:
        return False
    left, right = (_shape(failed.operands.get(label)) for label in (clash.left, clash.right))
    if left is None or right is None or len(left) != len(right) or len(left) < 2:
        return False
    odd = [dim for dim, (a, b) in enumerate(zip(left, right, strict=True)) if a != b]
    shared = [(d, e) for d in odd for e in odd if d != e and left[d] == right[e] > 1]
    return len(odd) > 1 and bool(shared)


def turned_in_einsum(failed: FailedOp) -> str | None:
    """The one operand of an einsum with which all subscripts would fit if two of its dims changed their places."""
    equation = next((text for text in failed.call.args.values() if isinstance(text, str) and "->" in text), "")
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    shapes = [(label, shape) for label, shape in failed.call.tensors]
    if (
        failed.op != "einsum"
        or len(terms) != len(shapes)
        or any(len(t) != len(s) for t, (_, s) in zip(terms, shapes, strict=True))
    ):
        return None
    found = []
    for number, (label, shape) in enumerate(shapes):
        known = [
            (letter, size)
            for at, term in enumerate(terms)
            if at != number
            for letter, size in zip(term, shapes[at][1], strict=True)
        ]
        for one, other in combinations(range(len(shape)), 2):
            laid = list(shape)
            laid[one], laid[other] = shape[other], shape[one]
            if shape[one] != shape[other] and all(
                size in (1, n) or n == 1
                for letter, n in zip(terms[number], laid, strict=True)
                for known_letter, size in known
                if known_letter == letter
            ):
                found.append(label)
    return found[-1] if len(set(found)) == 1 else None


def _leads(small: Shape, large: Shape) -> bool:
    """Whether a shape is the beginning of another one: its rows are the other's rows, not by accident of a 1."""
    rows = bool(small) and small[0] == large[0]
    one = rows and len(small) == _ROWS and small[0] == 1 < small[1]  # a batch of one, and as many positions
    return rows and (small[0] > 1 or one) and all(a in (b, 1) for a, b in zip(small, large, strict=False))


def _fits(shape: Shape, large: Shape) -> bool:
    return all(a in (b, 1) for a, b in zip(shape, large, strict=True))


def _location(run: Run, value: NamedValue | TensorArg) -> Location | None:
    """Where the operand's axes were last changed: that line has one too few; else what a helper handed to the failing line."""
    changed = rank_changes(run, value)
    if changed:
        return run.location(changed[-1].row)
    for row in islice(ancestors(run, value), _FEW):
        if row.op in _REDUCING and row.inputs and len(row.inputs[0].last) > len(row.outputs[0].last):
            return run.location(row)
    made = run.row(value.origin)
    return run.location(made) if made is not None and run.helper_call(made) == run.failed_at else None


def _shape(value: NamedValue | TensorArg | None) -> Shape | None:
    return value.last if isinstance(value, TensorArg) else value.shape if value is not None else None


def spread_out(run: Run, value: NamedValue | TensorArg) -> Location | None:
    """Where a vector lost its axis that then met a column: (rows,) and (rows, 1) made (rows, rows)."""
    for row in islice(ancestors(run, value), _NEAR):
        made = row.outputs[0].last if row.outputs else ()
        if len(made) != len(("rows", "rows")) or made[0] != made[1] or made[0] < len(made):
            continue
        vectors = [tensor for tensor in row.inputs if tensor.last == made[:1]]
        columns = [tensor for tensor in row.inputs if tensor.last == (made[0], 1)]
        if vectors and columns:
            changed = rank_changes(run, vectors[0])
            return run.location(changed[-1].row) if changed else run.location(row)
    return None

"""SG501 matmul-inner-mismatch

The inner sizes of a linear layer or a matrix product differ.

## What it is

A linear layer with ``in_features`` takes tensors whose last dimension is exactly that; ``a @ b`` needs the columns of ``a`` to
be the rows of ``b``.

## Why it goes wrong

The size of a flattened feature map was computed by hand and does not match what the layers before it really give, or two
widths of a model were chosen apart.

## Example

```python
import torch
from torch import nn

features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Flatten())
head = nn.Linear(8 * (25 // 2) ** 2, 10)
head(features(torch.randn(4, 3, 25, 25)))
```

## Use instead

```python
import torch
from torch import nn

features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Flatten())
head = nn.Linear(features(torch.zeros(1, 3, 25, 25)).shape[1], 10)
head(features(torch.randn(4, 3, 25, 25)))
```
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from shapeguard.analysis.crash import Crash, crash_of
from shapeguard.analysis.joined import joined_elsewhere, rows_in_a_line
from shapeguard.analysis.made_otherwise import is_convolution
from shapeguard.analysis.ranks import rank_changes
from shapeguard.analysis.reshapes import viewed_as_full
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import shape_of
from shapeguard.rules.clash_finding import both_sizes, clash_finding, here, operands_text, other_number
from shapeguard.values.findings import Finding, Location
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG501", "matmul-inner-mismatch"
# What these multiply inside, told by the family of the op and what the clashing dim is to it.
_MULTIPLIED = frozenset({("rnn", "feature"), ("multihead", "feature"), ("attention", "head_dim")})


def check(run: Run) -> Iterator[Finding]:
    """A failed linear layer or matrix product whose inner sizes differ."""
    crash = crash_of(run)
    told = (crash.family, crash.clash.role) if crash is not None else ("", "")
    if crash is None or crash.clash.kind != "dim" or not (crash.clash.role == "inner" or told in _MULTIPLIED):
        return
    if joined_elsewhere(run, crash) is not None or rows_in_a_line(run, crash) is not None:
        return
    if viewed_as_full(run, crash.failed) is not None:
        return
    unmerged = _unmerged(crash)
    if unmerged:
        yield _not_flattened(run, crash, unmerged)
        return
    if _rows_second(crash):
        yield _turned(run, crash)
        return
    turned = _not_transposed(crash)
    yield clash_finding(
        run, crash.failed, CODE, NAME,
        (
            f"`{crash.failed.op}` keeps states of {crash.clash.sizes[0]} features and is given {operands_text(run, crash.failed)}."
            if crash.family == "rnn" and "hx" in crash.clash.right
            else f"`{crash.failed.op}` multiplies {operands_text(run, crash.failed)}: inner sizes {both_sizes(crash.clash)}."
        )
        + (" With the right one transposed they would fit." if turned else ""),
        crash.suspect,
        "Transpose the right operand (`.transpose(-2, -1)`)." if turned else _features_last(run, crash) or
        other_number(run, crash) or _for_the_features(crash),
        location=(_reduced(run, crash) or here(run)) if turned else None,
    )  # fmt: skip


def _for_the_features(crash: Crash) -> str:
    """The repair where no single number is known to be the wrong one."""
    given, wanted = crash.clash.sizes
    weight = dict(crash.failed.call.tensors).get("weight", ())
    if crash.clash.right == "weight" and len(weight) == len(("out", "in")) and weight[1] == wanted:
        return f"Build the layer for the {given} features that come in, `Linear({given}, {weight[0]})`, or bring what comes in to {wanted} before it."
    return f"Make both {given} or both {wanted}: take the size from the tensor that comes in, not from a separate calculation."


def _features_last(run: Run, crash: Crash) -> str:
    """The repair where a convolution left the features before the places; "" elsewhere."""
    side, sizes = crash.suspect.side, crash.clash.sizes
    shape = shape_of(side.value) or ()
    if crash.suspect.how != "changed" or len(shape) != len(("batch", "channels", "places")) or shape[2] != side.size:
        return ""
    if shape[1] != sum(sizes[:2]) - side.size or not any(is_convolution(hop.row) for hop in side.hops):
        return ""
    view = next((view for view in crash.failed.views(run) if view.label == side.label), None)
    name = (view.expression if view is not None else "") or side.label
    last = format_shape((shape[0], shape[2], shape[1]))
    return f"A convolution puts its {shape[1]} channels before the places: hand on `{name}.transpose(1, 2)`, {last}."


def _unmerged(crash: Crash) -> tuple[int, ...]:
    """The last dims of the input that multiply to the features the layer was built for; () where none do.

    A square or a block of three dims may be one sample without a batch; of other two the first are rows.
    """
    shapes = [shape for _, shape in crash.failed.call.tensors[:1]]
    given, wanted = shapes[0] if shapes else (), crash.clash.sizes[1]
    alone = len(given) > 2 or len(set(given)) == 1
    products = ((given[dim:], math.prod(given[dim:])) for dim in range(0 if alone else 1, len(given) - 1))
    return next((dims for dims, product in products if product == wanted and min(dims) > 0), ())


def _rows_second(crash: Crash) -> bool:
    """Whether a batched product was given (length, batch, features): with the first two dims of one side swapped it fits."""
    shapes = [shape for _, shape in crash.failed.call.tensors[-2:]]
    if crash.failed.op not in ("bmm", "baddbmm", "matmul") or [len(shape) for shape in shapes] != [3, 3]:
        return False
    left, right = shapes
    return left[0] != right[0] and (right[1], right[0]) == (left[0], left[2])


def _turned(run: Run, crash: Crash) -> Finding:
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` of {operands_text(run, crash.failed)}: the right one has its rows in the second dim. With the first "
        "two transposed they would fit.",
        crash.suspect,
        "Put the rows of both first (`.transpose(0, 1)`), or build the layer before it with `batch_first=True`.",
        location=here(run),
    )  # fmt: skip


def _not_flattened(run: Run, crash: Crash, dims: tuple[int, ...]) -> Finding:
    given = crash.failed.call.tensors[0][1]
    handed = run.user_frame.operands if run.user_frame is not None else ()
    name = next((value.expression for value in handed if value.shape == given), "input")
    made = " * ".join(map(str, dims))
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` takes {crash.clash.sizes[1]} features, and `{name}` has them in {len(dims)} dims, {made}: they were "
        "not flattened.",
        crash.suspect,
        f"Flatten them before the layer: `.flatten({-len(dims)})`.",
        location=_made_for_helper(run, crash) or here(run),
    )  # fmt: skip


def _made_for_helper(run: Run, crash: Crash) -> Location | None:
    """The call that made the operand for the plain function, or method, in which a product by hand then failed: there it was to be flattened."""
    value = crash.failed.operands.get(crash.failed.call.tensors[0][0])
    row, frame = run.row(value.origin) if value is not None else None, run.user_frame
    outer = [above for above in run.frames if above.user]
    if (
        row is None
        or frame is None
        or len(outer) < len(("caller", "helper"))
        or crash.failed.op not in ("matmul", "mm", "bmm")
    ):
        return None
    caller = run.statement_of(outer[-2])
    return caller if run.location(row) == caller else None


def _reduced(run: Run, crash: Crash) -> Location | None:
    """Where the right operand lost its last dim, with which it would have fitted."""
    value = crash.failed.operands.get(crash.failed.call.tensors[1][0])
    changed = rank_changes(run, value) if value is not None else []
    if not changed or changed[-1].source is None:
        return None
    before, after = changed[-1].source.last, changed[-1].row.outputs[0].last
    dropped = len(before) > 2 and before[:-1] == after and before[-2] == crash.failed.call.tensors[0][1][-1]
    return run.location(changed[-1].row) if dropped else None


def _not_transposed(crash: Crash) -> bool:
    """Whether the last dims of both operands agree: the right one stands the wrong way round."""
    shapes = [shape for _, shape in crash.failed.call.tensors[:2]]
    named = crash.failed.op in ("matmul", "bmm", "mm", "__matmul__", "baddbmm", "rmatmul")
    return named and len(shapes) == 2 and min(map(len, shapes)) > 1 and shapes[0][-1] == shapes[1][-1]

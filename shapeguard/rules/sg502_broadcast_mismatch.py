"""SG502 broadcast-mismatch

Operands of an elementwise operation do not broadcast.

## What it is

Aligned from the right, each pair of sizes must be equal, or one of them 1.

## Why it goes wrong

One operand was made for another size: another vocabulary, width, batch or length.

## Example

```python
import torch

scores = torch.linspace(-1, 1, 128).reshape(2, 64)
bias = torch.zeros(2, 64)[:, scores[1] > 0.5]
scores + bias
```

## Use instead

```python
import torch

scores = torch.linspace(-1, 1, 128).reshape(2, 64)
bias = torch.zeros(2, 64)
scores + bias
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.callers import given_both
from shapeguard.analysis.clipped import clipped, of_a_buffer
from shapeguard.analysis.crash import Crash, crash_of
from shapeguard.analysis.dispute import dispute_of
from shapeguard.analysis.distributions import RefusedValue, refused_value
from shapeguard.analysis.kept import kept_operand
from shapeguard.analysis.left_out_ops import length_first
from shapeguard.analysis.missing_axis import MissingAxis, missing_axis, turned, turned_in_einsum
from shapeguard.analysis.odd_input import OddInput, odd_input
from shapeguard.analysis.run import Run
from shapeguard.analysis.shortcut import condition_of_shortcut, lacks_projection, without_stride
from shapeguard.rules.clash_finding import both_sizes, clash_finding, cut_short, here, operands_text
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG502", "broadcast-mismatch"
# What these read side by side, told by the family of the op and what the clashing dim is to it.
_TOGETHER = frozenset(
    {("multihead", "batch"), ("multihead", "length"), ("attention", "batch"), ("attention", "length"), ("index", "length"),
     ("permute", "length"), ("pool", "batch"), ("pool", "coordinates")}
)  # fmt: skip
_FIX = (
    "Make the odd operand with the size of the other, where it is made; cutting or repeating it here hides the mistake."
)
_FIX_SHORTCUT = (
    "Let the condition for the projection on the shortcut cover this block too: wherever the layers change the channels or "
    "the resolution, the shortcut has to."
)


def check(run: Run) -> Iterator[Finding]:
    """A failed elementwise operation, or a batch dimension of a product, whose sizes neither agree nor are 1."""
    refused = refused_value(run)
    if refused is not None and refused.of_shape:
        yield _of_distribution(run, refused)
        return
    crash = crash_of(run)
    if crash is None or crash.frozen is not None or crash.clash.kind != "dim":
        return
    batched = crash.family in ("matmul", "einsum") and crash.clash.role != "inner"
    together = (crash.family, crash.clash.role) in _TOGETHER
    if crash.family not in ("broadcast", "subscript") and not batched and not together:
        return
    if kept_operand(run, crash.failed) is not None:
        return
    odd = odd_input(run, crash.clash.sizes)
    if odd is not None:
        yield _odd(run, crash, odd)
        return
    lacking = missing_axis(run, crash.failed)
    if lacking is not None:
        yield _lacking(run, crash, lacking)
        return
    if turned(crash.failed):
        yield _turned(run, crash)
        return
    if (operand := turned_in_einsum(crash.failed)) is not None:
        yield _axes_exchanged(run, crash, operand)
        return
    cut = clipped(crash.failed)
    if cut is not None:
        if not of_a_buffer(run, crash.failed):
            yield cut_short(run, crash.failed, CODE, NAME, crash.suspect, cut)
        return
    shortcut = (
        without_stride(run, crash.failed)
        or condition_of_shortcut(run, crash.failed)
        or (here(run) if lacks_projection(run, crash.failed) else None)
    )
    put_in = _put_in_between(run, crash)
    yield clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` of {operands_text(run, crash.failed)}: {both_sizes(crash.clash)} in dim {crash.clash.dim}.",
        crash.suspect,
        _FIX_SHORTCUT if shortcut is not None else _FIX,
        location=shortcut or put_in,
    )  # fmt: skip


def _put_in_between(run: Run, crash: Crash) -> Location | None:
    """Where a module of the user's, in a library's model, gave each row more positions than it was given ids for.

    The library then takes every position for a row of its own.
    """
    call, inner = run.failed_row("generate"), run.inner_frame
    rows, more = sorted(crash.clash.sizes)
    if call is None or inner is None or inner.user or rows < 1 or more % rows:
        return None
    for row in sorted(run.of_kind("concat"), key=lambda row: -row.last_at):
        out = row.outputs[0].last if row.outputs else ()
        if row.first_at < call.last_at and len(out) == 3 and out[:2] == (rows, more // rows) and out[1] > 1:
            return run.location(row)
    return None


def _of_distribution(run: Run, found: RefusedValue) -> Finding:
    own, other = found.sizes
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The distribution has {other} in the dim in which the value {format_shape(found.value.shape or ())} has {own}.",
        location=here(run),
        failed_at=run.failed_at,
        operands=(run.operand(found.value),),
        mismatch=Mismatch("dim", found.sizes, found.dim),
        fix=Fix("Give one value for each row of what the distribution was made of, (batch,) or (samples, batch)."),
    )


def _odd(run: Run, crash: Crash, found: OddInput) -> Finding:
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"{found.told}; inside, `{crash.failed.op}` has both.",
        crash.suspect,
        f"Make `{found.odd.label}` with the {found.counted} of `{found.leading.label}`: what is put in front, behind or away there "
        "(special tokens, padding, truncation) belongs into both.",
        location=found.location or here(run),
    )  # fmt: skip


def _lacking(run: Run, crash: Crash, lacking: MissingAxis) -> Finding:
    expression = crash.failed.expression(run, lacking.label) or lacking.label
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` of {operands_text(run, crash.failed)}: shapes are aligned from the right, so {both_sizes(crash.clash)} "
        f"meet. `{expression}` lacks an axis: as {format_shape(lacking.wanted)} it would fit.",
        crash.suspect,
        f"Give `{expression}` the missing axis: {format_shape(lacking.wanted)} (`unsqueeze`, or `None` in its index"
        + ("; class ids that meet one score a class are to be made one-hot)." if _are_ids(crash, lacking) else ")."),
        location=lacking.location or here(run),
    )  # fmt: skip


def _are_ids(crash: Crash, lacking: MissingAxis) -> bool:
    value = crash.failed.operands.get(lacking.label)
    return value is not None and value.dtype in ("int64", "int32")


def _axes_exchanged(run: Run, crash: Crash, label: str) -> Finding:
    value = crash.failed.operands[label]
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` of {operands_text(run, crash.failed)}: {both_sizes(crash.clash)}; with two dims of "
        f"`{crash.failed.expression(run, label) or label}` exchanged all would fit: they are not in the order of the subscripts.",
        crash.suspect._replace(how="here"),
        "Bring its dims into the order of the subscripts where it is made (`transpose`, `permute`), or write the subscripts in its order.",
        location=run.birth(value.origin) or here(run),
    )  # fmt: skip


def _turned(run: Run, crash: Crash) -> Finding:
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` of {operands_text(run, crash.failed)}: the same size stands in another place in each of them, "
        f"so that {both_sizes(crash.clash)} meet: their dimensions are not in the same order.",
        crash.suspect,
        "Bring the dimensions of both into one order (select, transpose or unsqueeze) before this line.",
        location=_length_first(run, crash) or given_both(run, crash.failed) or here(run),
    )  # fmt: skip


def _length_first(run: Run, crash: Crash) -> Location | None:
    """Where the one was laid out with its length first."""
    dispute = dispute_of(run, crash.failed)
    found = length_first(dispute) if dispute is not None else None
    return found.location if found is not None else None

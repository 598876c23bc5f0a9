"""SG702 uneven-shard

A batch or dimension does not split evenly over the ranks or chunks that expect a share each.

## What it is

`chunk(n)` cuts into pieces of ceil(size / n), so it may give fewer than `n`: six rows in four chunks are 2, 2, 2. A shard
of `size // n` leaves the remainder to nobody.

## Why it goes wrong

The size was a multiple of the number of shares until the last batch, another data set or another number of ranks came.

## Example

```python
import torch

batch = torch.randn(6, 5)
micro = batch.chunk(4)
for k in range(4):
    print(micro[k].mean())
```

## Use instead

```python
import torch

batch = torch.randn(6, 5)
micro = batch.tensor_split(4)
for k in range(4):
    print(micro[k].mean())
```
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from shapeguard.analysis.climb import climbs, first_named
from shapeguard.analysis.collectives import alone
from shapeguard.analysis.concat import failed_concat, joins_wrong_dim
from shapeguard.analysis.crash import Crash, crash_of
from shapeguard.analysis.floored_rounds import Rounds, floored_rounds
from shapeguard.analysis.kept import kept_operand
from shapeguard.analysis.last_batch import smaller_last_batch
from shapeguard.analysis.leftover import Leftover, leftover
from shapeguard.analysis.repeated_samples import Repeated, counted_twice, repeated_samples
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import call_of
from shapeguard.analysis.shards import (
    DroppedRows,
    Short,
    dropped_rows,
    few_pieces,
    unequal_pieces,
    uneven_share,
    uneven_split,
    uneven_whole,
)
from shapeguard.rules.clash_finding import clash_finding, here
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import Row
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG702", "uneven-shard"
_CHUNK = "Use `tensor_split`, which gives exactly as many pieces as asked for, or loop over the pieces there are."
_PIECES = "Pad to a multiple of the number of pieces before the split, or treat the last, smaller piece apart."
_JOIN = "Join the results of the pieces with `torch.cat`, which takes pieces of any size, or pad to a multiple of them before the split."
_STEPS = "Give every rank the same number of steps: pad or drop the rest, or use `Join` where counts must differ."
_SHARE = "Round the size of a share up, give a rank with too few rows padding, and cut that off after gathering."


def check(run: Run) -> Iterator[Finding]:
    """Fewer pieces than are asked for, pieces of other sizes where equal ones are needed, rows that no rank takes."""
    whole = uneven_whole(run)
    if whole is not None:
        yield _gathered(run, whole)
        return
    short = few_pieces(run)
    if short is not None:
        yield _short(run, short)
        return
    crash = crash_of(run)
    rest = leftover(run, crash) if crash is not None else None
    if crash is not None and rest is not None:
        yield _left_over(run, crash, rest)
        return
    if crash is not None and (rounds := floored_rounds(run, crash.failed)) is not None:
        yield _rounds(run, crash, rounds)
        return
    if (pieces := unequal_pieces(run)) is not None:
        yield _unequal(run, *pieces)
    if run.failure is None and (repeated := repeated_samples(run)) is not None:
        yield _repeated(run, repeated)
    elif run.failure is None and (twice := counted_twice(run)) is not None:
        yield _twice(run, *twice)
    if not _told_better(run):
        yield from _uneven(run)
    yield from _more_steps(run)
    dropped = dropped_rows(run)
    if dropped is not None:
        yield _dropped(dropped)


def _rounds(run: Run, crash: Crash, rounds: Rounds) -> Finding:
    left = rounds.rows - rounds.piece * rounds.pieces
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"The loop makes {rounds.pieces} pieces of {rounds.piece} rows, {rounds.pieces * rounds.piece} of {rounds.rows}: the last "
        f"{left} {'row is' if left == 1 else 'rows are'} in none.",
        crash.suspect,
        "Run it once more for the rest, `range(0, rows, piece)` or the division rounded up, or drop the rest of the others, too.",
        location=rounds.loop,
    )  # fmt: skip


def _told_better(run: Run) -> bool:
    """Whether uneven pieces are in order here, and only a number in the code or the joined dim is not."""
    crash = crash_of(run)
    concat = failed_concat(run)
    frozen = crash is not None and (crash.frozen is not None or crash.family == "rnn")
    kept = crash is not None and kept_operand(run, crash.failed) is not None
    return frozen or kept or (concat is not None and joins_wrong_dim(run, concat))


def _short(run: Run, short: Short) -> Finding:
    given = short.row.inputs[0]
    return Finding(
        CODE, NAME, Severity.ERROR,
        f"`{short.row.op}` cut dim {short.dim} of {given.last[short.dim]} into {short.pieces} pieces; "
        f"{short.wanted} are expected.",
        location=run.location(short.row),
        failed_at=run.failed_at,
        operands=(run.tensor(given),),
        mismatch=Mismatch("count", (short.pieces, short.wanted)),
        fix=Fix(_CHUNK),
    )  # fmt: skip


def _left_over(run: Run, crash: Crash, rest: Leftover) -> Finding:
    return Finding(
        CODE, NAME, Severity.ERROR,
        f"The loader gives batches of {rest.full}, and the last one holds what is left over, {rest.size}: `{crash.failed.op}` "
        f"has {crash.clash.text}.",
        location=run.location(rest.loader),
        failed_at=run.failed_at,
        operands=crash.failed.views(run),
        mismatch=crash.failed.mismatch(),
        fix=Fix("Leave the incomplete batch out: `DataLoader(..., drop_last=True)`, or choose a batch size that leaves more over."),
    )  # fmt: skip


def _uneven(run: Run) -> Iterator[Finding]:
    crash = crash_of(run)
    found = uneven_split(run, crash) if crash is not None else None
    if crash is None or found is None:
        return
    row, size = found
    left, right = crash.clash.sizes
    results = smaller_last_batch(run, crash.failed) is not None
    yield Finding(
        CODE, NAME, Severity.ERROR,
        f"`{row.op}` cut {size} into pieces of unequal size, {left} and {right}, and `{crash.failed.op}` needs equal ones.",
        location=here(run) if results else run.location(row),
        failed_at=run.failed_at,
        operands=crash.failed.views(run),
        mismatch=crash.failed.mismatch(),
        lineage=crash.suspect.lineage(run),
        fix=Fix(_JOIN if results else _PIECES),
    )  # fmt: skip


def _unequal(run: Run, row: Row, split: Row, sizes: tuple[int, int]) -> Finding:
    """Pieces of unequal size that a collective was given for the ranks."""
    return Finding(
        CODE, NAME, Severity.ERROR,
        f"`{split.op}` cut {format_shape(split.inputs[0].last)} into pieces of unequal size, {sizes[0]} and {sizes[1]}, and `{row.op}` "
        "needs equal ones.",
        location=run.location(split),
        failed_at=run.failed_at,
        operands=tuple(map(run.tensor, row.inputs[:8])),
        mismatch=Mismatch("dim", sizes),
        fix=Fix("Bring the dim to a multiple of the number of ranks before it is cut: repeat what there are fewer of than ranks, or pad."),
    )  # fmt: skip


def _twice(run: Run, loader: Row, samples: int, total: int) -> Finding:
    built = run.row(loader.owner)
    return Finding(
        CODE, NAME, Severity.WARNING,
        f"The sampler fills {samples} samples up to {total}, so that every rank has as many, and the right answers among all {total} are "
        "counted and added up: what it repeated counts twice.",
        location=run.location(loader) if built is None else _sampled(run, built) or run.location(built),
        fix=Fix("Count each sample once: give each rank its own rows, `range(rank, len(dataset), world)`, or drop what was repeated."),
    )  # fmt: skip


def _sampled(run: Run, built: Row) -> Location | None:
    """Where the sampler was made that a loader was given by its name."""
    call = call_of(run.expression(built))
    given = next((word.value for word in call.keywords if word.arg == "sampler"), None) if call is not None else None
    trails = climbs(run.sources, run.chain(built), given, whole=True) if given is not None else []
    made = first_named(trails)
    return run.at(made) if made is not None else None


def _repeated(run: Run, found: Repeated) -> Finding:
    more = found.total - found.samples
    return Finding(
        CODE, NAME, Severity.ERROR,
        f"The sampler repeats {'one sample' if more == 1 else f'{more} samples'} so that {found.samples} share out evenly, and all {found.total} "
        "gathered rows are counted.",
        location=found.location,
        operands=(run.tensor(found.whole.outputs[0]),),
        mismatch=Mismatch("count", (found.total, found.samples)),
        fix=Fix("Cut what was gathered to the length of the data set, in the order of its samples: `gathered[: len(dataset)]`."),
    )  # fmt: skip


def _more_steps(run: Run) -> Iterator[Finding]:
    """This rank goes on to a collective to which another does not come any more."""
    counts = alone(run)
    if counts is None:
        return
    share = uneven_share(run)
    sizes = share[1] if share is not None else None
    told = f" Their shares are {sizes[0]} and {sizes[1]} rows." if sizes is not None else ""
    yield Finding(
        CODE, NAME, Severity.ERROR,
        f"This rank enters collective number {counts[0]}; another has ended after {counts[1]}.{told}",
        location=run.location(share[0]) if share is not None else run.failed_at,
        failed_at=run.failed_at,
        mismatch=Mismatch("count", sizes or counts),
        fix=Fix(_STEPS),
    )  # fmt: skip


def _gathered(run: Run, whole: DroppedRows) -> Finding:
    """Shares that were rounded down and do not fill the tensor in which they are put together."""
    up = -(-whole.size // whole.ranks)
    return msgspec.structs.replace(
        _dropped(whole),
        severity=Severity.ERROR,
        failed_at=run.failed_at,
        mismatch=Mismatch("dim", (up, whole.share), 0),
        fix=Fix(
            f"Bring the {whole.size} rows to a multiple of {whole.ranks}, {up * whole.ranks}, before they are shared out."
        ),
    )


def _dropped(dropped: DroppedRows) -> Finding:
    lost = dropped.size - dropped.taken
    rows = "one row" if lost == 1 else f"{lost} rows"
    return Finding(
        CODE, NAME, Severity.WARNING,
        f"{dropped.ranks} ranks take {dropped.share} rows each of {dropped.size}: {rows} at the end belong to no rank.",
        location=dropped.location,
        operands=(dropped.operand,),
        mismatch=Mismatch("divides", (dropped.size, dropped.ranks), 0),
        fix=Fix(_SHARE),
    )  # fmt: skip

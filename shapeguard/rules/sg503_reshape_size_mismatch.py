"""SG503 reshape-size-mismatch

A view or reshape asks for another number of elements than there are, or a view of memory that is not contiguous.

## What it is

``view`` and ``reshape`` keep all elements: the product of the sizes must stay the same. ``view`` also needs dimensions that lie
one after the other in memory, which they do not after a transpose. And they keep the order of the elements: asked for the same
sizes in another order they fail nowhere, and put every element in another place.

## Why it goes wrong

A size in the call was computed for another input, or the tensor was transposed before. Or dims were to change places, the
channels of an image to come first, rows that ``repeat_interleave`` laid out by prompt to be read by answer, and a view was taken
for a transpose.

## Example

```python
import torch

x = torch.randn(4, 6).t()
x.view(-1)
```

## Use instead

```python
import torch

x = torch.randn(4, 6).t()
x.reshape(-1)
```
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import islice, pairwise

from shapeguard.analysis.blame import suspect
from shapeguard.analysis.callers import root_of
from shapeguard.analysis.causes import Cause
from shapeguard.analysis.climb import climbs, named_at
from shapeguard.analysis.clipped import ran_out
from shapeguard.analysis.contents import FROM_OUTSIDE
from shapeguard.analysis.crash import Crash, crash_of
from shapeguard.analysis.departures import passed_before
from shapeguard.analysis.dispute import dispute_of
from shapeguard.analysis.failed import FailedOp, failed_op
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.leftover import last_of_loader
from shapeguard.analysis.lineage import follow
from shapeguard.analysis.parting import only_failing_call
from shapeguard.analysis.reshapes import (
    WrongSize,
    asked_sizes,
    frozen_batch,
    viewed_as_full,
    written_location,
    wrong_size,
)
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family, output_shape
from shapeguard.analysis.settings_written import call_of
from shapeguard.analysis.shuffled import (
    Turned,
    channels_as_last,
    folded_classes,
    merged_across,
    split_apart,
    turned_views,
    unfolded_heads,
    viewed_for_layers,
)
from shapeguard.analysis.sides import is_weight, sides
from shapeguard.analysis.written import parsed, written
from shapeguard.rules.base import once
from shapeguard.rules.clash_finding import clash_finding, here
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG503", "reshape-size-mismatch"
_NEAR = 24  # ops behind a view among which what came in otherwise was turned


def check(run: Run) -> Iterator[Finding]:
    """A failed view or reshape; one that passed and put the elements in other places."""
    crash = crash_of(run)
    if run.failure is None:
        told = [view.row.id for view in (*viewed_for_layers(run), *unfolded_heads(run))]  # a question of the layout
        views = (
            *turned_views(run),
            *split_apart(run),
            *folded_classes(run),
            *channels_as_last(run),
            *merged_across(run),
        )
        yield from once(_turned(run, view) for view in views if view.row.id not in told)
    elif crash is None:
        yield from _memory(run)
    elif (taken := _taken_up(run, crash)) is not None:
        yield taken
    elif crash.clash.kind == "count" and crash.family in ("split", "broadcast"):
        yield _counted(run, crash)
    elif crash.frozen is None and crash.family == "reshape" and frozen_batch(run, crash.failed) is None:
        yield _strides(run, crash.failed, crash.suspect) if crash.clash.kind == "count" else _elements(run, crash)


def _turned(run: Run, view: Turned) -> Finding:
    before, after = format_shape(view.before), format_shape(view.after)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{view.row.op}` reads the dims {before} as {after}: it keeps the order of the entries, so that each place of the result "
        "holds another one's.",
        location=(_folded_at(run, view) if view.merged is not None else None) or run.location(view.row),
        operands=(run.tensor(view.row.inputs[0]),),
        mismatch=_first_odd(view),
        fix=Fix(_permuted(view)),
    )


def _first_odd(view: Turned) -> Mismatch | None:
    """The first two sizes that stand in each other's places; None where dims were merged."""
    pairs = zip(view.before, view.after, strict=False)
    odd = next((pair for pair in pairs if pair[0] != pair[1]), None)
    return Mismatch("dim", odd, None) if odd is not None and len(view.before) == len(view.after) else None


def _permuted(view: Turned) -> str:
    """How the dims change their places, where their sizes tell which is which."""
    given, made = view.row.inputs[0].last, view.row.outputs[0].last
    cut = "`view` and `reshape` only cut the same row of entries anew."
    if len(given) > len(made) == 2 and given[1] == made[1]:
        return f"Bring the classes last before the rest is flattened, `movedim(1, -1)`, or give the loss both as they are; {cut}"
    if sorted(given) != sorted(made) or len(set(given)) != len(given):
        return f"Change the order of dims with `transpose` or `permute`; {cut}"
    return f"`permute({', '.join(str(given.index(size)) for size in made)})` changes the order of dims; {cut}"


def _counted(run: Run, crash: Crash) -> Finding:
    """Pieces that do not add up to what is split, or entries that are not as many as the places they are written to."""
    pieces = crash.family == "split"
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}`: {crash.clash.text}.",
        crash.suspect,
        "Let the sizes of the pieces add up to the dim: compute the last one from the others, or give one size for all."
        if pieces
        else "Write as many entries as the mask has true places: make both from one selection.",
        location=here(run) if pieces and crash.suspect.how != "built" else None,
    )  # fmt: skip


def _taken_up(run: Run, crash: Crash) -> Finding | None:
    """A ``-1`` that took up what the other sizes of a view left over: features became more, because there are more places."""
    if viewed_as_full(run, crash.failed) is not None:
        return None
    if (
        crash.family not in ("conv", "matmul")
        or crash.clash.role not in ("channel", "inner")
        or crash.frozen is not None
    ):
        return None
    for of, other in zip(both := sides(run, crash.failed), reversed(both), strict=True):
        hop = next((hop for hop in of.hops if family(hop.row.op) == "reshape" and hop.changed), None)
        given = hop.row.inputs[0].last if hop is not None and hop.row.inputs else ()
        if hop is None or is_weight(of) or not is_weight(other) or other.size not in given[-1:] or len(given) < 3:
            continue
        sizes = asked_sizes(hop.row)
        if hop.after < len(sizes) and sizes[hop.after] == -1:
            return clash_finding(
                run, crash.failed, CODE, NAME,
                f"`{hop.row.op}` of {format_shape(given)} was told all sizes but one, and that one, -1, became {of.size} where the "
                f"features are {other.size}: the other sizes are those of another input.",
                crash.suspect,
                "Take the number of places from the tensor (`x.shape`), and tell the number of features instead of -1.",
                location=run.location(hop.row),
            )  # fmt: skip
    return None


def _memory(run: Run) -> Iterator[Finding]:
    """A view that failed although its sizes fit: then only the memory behind the tensor does not."""
    failed = failed_op(run) if run.failure is not None and run.failure.exception.type == "RuntimeError" else None
    if (
        failed is not None
        and failed.op == "view"
        and failed.clash is None
        and output_shape("view", failed.call) is not None
    ):
        yield _strides(run, failed, suspect(run, failed))


def _elements(run: Run, crash: Crash) -> Finding:
    given = next((shape for _, shape in crash.failed.call.tensors), ())
    asked = crash.failed.call.args.get("size", crash.failed.call.args.get("shape"))
    wanted = format_shape([n for n in asked if isinstance(n, int)]) if isinstance(asked, list) else "the asked sizes"
    short = _run_out(run, crash)
    wrong = wrong_size(run, crash.failed) if short is None else None
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` of {format_shape(given)} to {wanted}: {crash.clash.text}.",
        crash.suspect,
        "Compute the sizes from the tensor itself (`x.shape`, `-1` for the rest), or mend the number that was made for another size."
        if short is None
        else "Start over before the data runs out: ask whether a whole piece is left, not whether the position is past the end.",
        location=None if crash.suspect.how == "counted" else short or _left_over(run, crash, wrong) or _not_for_each_row(run, crash)
        or _told_helper(run, crash)
        or _odd_call(run, crash)
        or _class_token(run, crash)
        or _came_otherwise(run, crash)
        or _reckoned(run, crash)
        or _of_anothers_shape(run, crash)
        or _written(run, crash, wrong),
        mismatch=wrong.mismatch if wrong is not None else None,
    )  # fmt: skip


def _run_out(run: Run, crash: Crash) -> Location | None:
    """The slice that found less than it asked for at the end of the data."""
    dispute = dispute_of(run, crash.failed)
    found = ran_out(dispute) if dispute is not None else None
    return found.location if found is not None else None


def _left_over(run: Run, crash: Crash, wrong: WrongSize | None) -> Location | None:
    """Where the loader was built whose last batch, smaller than those before, does not divide into the groups."""
    groups = (
        wrong is not None and wrong.mismatch is not None and (wrong.mismatch.kind, wrong.mismatch.dim) == ("divides", 0)
    )
    batch = last_of_loader(run, crash.failed.operands.get("input")) if groups else None
    return run.location(batch.loader) if batch is not None else None


def _not_for_each_row(run: Run, crash: Crash) -> Location | None:
    """Where a tensor was made that has not so much for each row of another one: the view was told the number of that one's rows."""
    failed, frame, value = crash.failed, run.user_frame, crash.failed.operands.get("input")
    node = call_of(run.expression(failed.row)) if failed.row is not None else None
    if crash.clash.kind != "divides" or failed.row is None or frame is None or value is None or node is None:
        return None
    told = [given for given in node.args if not isinstance(given, ast.Constant | ast.UnaryOp)]
    trails = [climbs(run.sources, run.chain(failed.row), given) for given in told]
    read = all(found and found[0].spots[-1].kind == "data" for found in trails)
    own = failed.expression(run, "input")
    others = not any(own in spot.node_text for found in trails for trail in found[:1] for spot in trail.spots[1:])
    made = run.row(value.origin)
    place = run.location(made) if made is not None and told and read and others else None
    return place if place is not None and place.function != frame.function else None


def _told_helper(run: Run, crash: Crash) -> Location | None:
    """The call of a plain function that was given the tensor and the numbers to lay it out by."""
    failed, frame = crash.failed, run.user_frame
    node = call_of(run.expression(failed.row)) if failed.row is not None else None
    if failed.row is None or frame is None or node is None or not frame.function.isidentifier():
        return None
    function = run.sources[frame.file].function_at(frame.line)
    given = {arg.arg for arg in function.args.args} if function is not None else set()
    numbers = {part.id for arg in node.args for part in ast.walk(arg) if isinstance(part, ast.Name)}
    return run.helper_call(failed.row) if len(numbers & given) > 1 and root_of(node) in given else None


def _class_token(run: Run, crash: Crash) -> Location | None:
    """Where states were taken from a model of images that begin with a class token, which are then laid out as a grid of patches."""
    given = next((shape for _, shape in crash.failed.call.tensors), ())
    asked = crash.failed.call.args.get("size", crash.failed.call.args.get("shape"))
    value = crash.failed.operands.get("input")
    sizes = [n for n in asked if isinstance(n, int)] if isinstance(asked, list) else []
    grids = {one * two for one, two in pairwise(sizes) if one > 1 and two > 1}
    for dim, size in enumerate(given) if value is not None else ():
        if (
            value is not None and {size - 1, size - 2} & grids and size not in sizes
        ):  # of distilled models there are two
            made = next((hop.row for hop in follow(run, value, dim) if hop.row.kind == "forward"), None)
            return run.location(made) if made is not None else None
    return None


def _came_otherwise(run: Run, crash: Crash) -> Location | None:
    """Where data was taken over that has another number of dims than what this view was given before: a picture in grey, a stereo take."""
    failed = crash.failed
    earlier = passed_before(run, failed.row) if failed.row is not None else None
    value = failed.operands.get("input")
    before = earlier.inputs[0].last if earlier is not None and earlier.inputs else ()
    given = next((shape for _, shape in failed.call.tensors), ())
    if value is None or earlier is None or not before:
        return None
    if len(before) == len(given):
        since = (row for row in islice(ancestors(run, value), _NEAR) if row.first_at > earlier.last_at)
        turns = (row for row in since if family(row.op) == "permute" and row.outputs)
        turned = next((row for row in turns if row.outputs[0].last[-2:-1] == before[-1:] != given[-1:]), None)
        return run.location(turned) if turned is not None else None
    taken = next((row for row in ancestors(run, value) if row.op in FROM_OUTSIDE and not row.inputs), None)
    return run.location(taken) if taken is not None else None


def _reckoned(run: Run, crash: Crash) -> Location | None:
    """Where a caller reckoned the one of the sizes that is no plain number, for a helper whose view passed with others' numbers."""
    failed, frame = crash.failed, run.user_frame
    if failed.row is None or frame is None or passed_before(run, failed.row) is None:
        return None
    node = call_of(failed.expression(run, "callee") or run.expression(failed.row))
    found = set()
    for name in {part.id for part in ast.walk(node or ast.Pass()) if isinstance(part, ast.Name)}:
        for trail in climbs(run.sources, run.chain(failed.row), name):
            handed = next((number for number, spot in enumerate(trail.spots) if spot.kind == "argument"), None)
            for spot in trail.spots[handed:] if handed is not None else ():
                if spot.kind == "assign" and isinstance(parsed(spot), ast.BinOp) and spot.line:
                    found.add((spot.file, spot.line, spot.function))
    return run.place(*found.pop()) if len(found) == 1 else None


def _of_anothers_shape(run: Run, crash: Crash) -> Location | None:
    """Where the tensor's own last dim was decided, if it is laid out as another one is: ``y.reshape(x.shape)`` takes no number."""
    failed, value = crash.failed, crash.failed.operands.get("input")
    node = call_of(run.expression(failed.row)) if failed.row is not None else None
    shape = (
        next((given for given in node.args if not isinstance(given, ast.Constant)), None) if node is not None else None
    )
    if failed.row is None or value is None or node is None or len(node.args) != 1 or shape is None:
        return None
    trails = climbs(run.sources, run.chain(failed.row), shape, whole=True)
    if not any(spot.node_text.endswith(".shape") for trail in trails for spot in trail.spots):
        return None
    given = next((shape for _, shape in failed.call.tensors), ())
    last = next(iter(follow(run, value, len(given) - 1)[-1:]), None) if given else None
    if last is None or last.size_before is not None:
        return None
    built = run.row(last.row.owner) if last.row.kind == "module" else last.row
    return (
        written(run, built, last.size_after, last.after if built is last.row else None) if built is not None else None
    )


def _folded_at(run: Run, view: Turned) -> Location | None:
    """Where the dims were folded, if other calls of the function that splits them give it what it expects."""
    chain = run.recording.chains[view.row.chain].sites
    others = (row for row in run.of_kind("op") if run.at_one_place(row, view.row) and not row.error)
    rightly = any(run.recording.chains[row.chain].sites != chain for row in others)
    return run.location(view.merged) if rightly and view.merged is not None else None


def _odd_call(run: Run, crash: Crash) -> Location | None:
    """The one call of a helper whose tensor its numbers do not fit, where they fit those of its other calls."""
    return only_failing_call(run, crash.failed.row) if crash.failed.row is not None else None


def _written(run: Run, crash: Crash, wrong: WrongSize | None) -> Location | None:
    """Where the size was written that does not fit, or all sizes were put together; at worst the reshape itself."""
    return (written_location(run, wrong) if wrong is not None else None) or _listed(run, crash) or here(run)


def _listed(run: Run, crash: Crash) -> Location | None:
    """The statement in which the asked sizes were put into a list that has a name."""
    frame = run.user_frame
    node = call_of(run.expression(crash.failed.row)) if crash.failed.row is not None else None
    match node.args if node is not None else []:
        case [*_, ast.Name(id=name) | ast.Starred(value=ast.Name(id=name))] if frame is not None:
            place = named_at(run, frame, name)
        case _:
            return None
    statement = run.sources[place.file].statement(place.line) if place is not None else None
    return place if isinstance(getattr(statement, "value", None), ast.List | ast.Tuple) else None


def _strides(run: Run, failed: FailedOp, found: Cause) -> Finding:
    return clash_finding(
        run, failed, CODE, NAME,
        "`view` needs dimensions that lie one after the other in memory; this tensor was transposed, expanded or sliced.",
        found,
        "Use `reshape`, which copies where it must, or call `.contiguous()` before `view`.",
        location=here(run),
    )  # fmt: skip

"""Where a loss's prediction, or its target, was left as it was: not flattened, not pooled, not shifted, a column kept, one position more."""

from __future__ import annotations

import ast
from math import prod

from shapeguard.analysis.climb import climbs, named_at
from shapeguard.analysis.contents import FROM_OUTSIDE
from shapeguard.analysis.crash import Crash
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import call_of
from shapeguard.analysis.sides import sides
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Location

_FEW = 2  # entries by which a cut may begin too late


def left_in_rows(crash: Crash) -> bool:
    """Whether the scores were flattened, (rows * positions, classes), and the target was not."""
    shapes = [shape for _, shape in crash.failed.call.tensors[:2]]
    if len(shapes) != 2 or [len(shape) for shape in shapes] != [2, 2] or crash.family != "loss":
        return False
    return (
        crash.failed.op.startswith(("cross_entropy", "nll", "CrossEntropy", "NLL"))
        and prod(shapes[1]) == shapes[0][0] != shapes[1][0]
    )


def column_made(run: Run, crash: Crash) -> Location | None:
    """Where a model made its one value a row, (rows, 1), that is compared with (rows,): it was to drop the column."""
    shapes = [shape for _, shape in crash.failed.call.tensors[:2]]
    if crash.family != "loss" or len(shapes) != 2 or shapes[0] != (*shapes[1], 1):
        return None
    value = crash.failed.operands.get(crash.failed.call.tensors[0][0])
    place = run.birth(value.origin) if value is not None else None
    return place if place is not None and place.function.endswith("forward") else None


def last_kept(run: Run, crash: Crash) -> Location | None:
    """Where a model was asked for a prediction more, the one after the last token, of which there is no target: they begin one later."""
    shapes = [shape for _, shape in crash.failed.call.tensors[:2]]
    both = sides(run, crash.failed)
    merged = [sorted(tensor.last[dim] for tensor, dim in side.hops[-1].merged) if side.hops else [] for side in both]
    more = len(merged) == 2 and [len(sizes) for sizes in merged] == [2, 2] and merged[0][0] == merged[1][0]
    target = crash.failed.operands.get(crash.failed.call.tensors[1][0]) if len(shapes) == 2 else None
    cut = (
        any(row.op == "getitem" and "1:" in str(row.args.get("index")) for row in ancestors(run, target))
        if target
        else False
    )
    if not more or not cut or merged[0][1] != merged[1][1] + 1 or run.user_frame is None:
        return None
    name = crash.failed.expression(run, both[0].label).partition(".")[0]
    return named_at(run, run.user_frame, name) if name.isidentifier() else None


def not_pooled(run: Run, crash: Crash) -> Location | None:
    """Where scores for every position were made, which are compared with one label a row."""
    shapes = [shape for _, shape in crash.failed.call.tensors[:2]]
    positions = [len(shape) for shape in shapes] == [3, 1] and crash.clash.kind == "rank"
    values = [len(shape) for shape in shapes] == [3, 2] and shapes[0][2] == shapes[1][1] == 1
    if not (positions or values) or shapes[0][0] != shapes[1][0]:
        return None
    scores = crash.failed.operands.get(crash.failed.call.tensors[0][0])
    return run.birth(scores.origin) if scores is not None else None


def prepared(run: Run, crash: Crash) -> Location | None:
    """Where the failing function brought a target of fewer dims to the loss's type, ``y = labels.float()``, and left its shape."""
    target = crash.failed.operands.get(crash.failed.call.tensors[1][0]) if len(crash.failed.call.tensors) > 1 else None
    row = run.row(target.origin) if target is not None and crash.clash.kind == "rank" else None
    place, frame = (run.location(row) if row is not None else None), run.user_frame
    if row is None or place is None or frame is None or row.op not in ("float", "to", "double", "type_as", "long"):
        return None
    return place if place.function == frame.function and place != run.statement_of(frame) else None


def not_shifted(run: Run, crash: Crash) -> Location | None:
    """Where the targets were taken as they are, when the last prediction was cut off because nothing follows it."""
    both = sides(run, crash.failed)
    if len(both) != 2 or both[1].size != both[0].size + 1:
        return None
    cut = next((hop for hop in both[0].hops if hop.changed), None)
    index = cut.row.args.get("index") if cut is not None and cut.row.op == "getitem" else None
    if (
        not isinstance(index, list)
        or cut is None
        or cut.before is None
        or index[cut.before : cut.before + 1] != [":-1"]
    ):
        return None
    name = crash.failed.expression(run, both[1].label).partition(".")[0]
    frame = run.user_frame
    return named_at(run, frame, name) if frame is not None and name.isidentifier() else None


def sliced_list(run: Run, crash: Crash) -> Location | None:
    """Where a row of numbers, of which a target was made, was cut out of a longer one from the wrong place on: ``row[3:]`` for ``row[2:]``."""
    both = sides(run, crash.failed)
    target = both[1] if len(both) > 1 else None
    born = target.hops[-1].row if target is not None and target.hops else None
    if (
        target is None
        or born is None
        or born.op not in FROM_OUTSIDE
        or born.inputs
        or not 0 < both[0].size - target.size <= _FEW
    ):
        return None
    node = call_of(run.expression(born))
    for trail in (
        climbs(run.sources, run.chain(born), node.args[0], whole=True) if node is not None and node.args else ()
    ):
        for spot in trail.spots[1:]:
            for part in ast.walk(parsed_text(spot.node_text) or ast.Pass()):
                match part:
                    case ast.Slice(lower=ast.Constant(value=int()), upper=None) if spot.line:
                        return run.at(spot)
    return None

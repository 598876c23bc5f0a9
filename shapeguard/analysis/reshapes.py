"""A failed view or reshape: which of the asked sizes is the wrong one, and where it was written."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from shapeguard.analysis.by_layer import part_of
from shapeguard.analysis.causes import cause
from shapeguard.analysis.climb import Spot, chain_of_frames, climb, climbs
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.sides import side, sides
from shapeguard.analysis.source import parsed_text
from shapeguard.analysis.written import decided, without_shared_constant, written
from shapeguard.values.findings import Location, Mismatch
from shapeguard.values.recording import FrameInfo, Row
from shapeguard.values.shapes import numel

_WITH_POSITIONS = 3  # dims of (batch, seq, features)


class WrongSize(NamedTuple):
    """The asked size that does not fit: what it says, what it should agree with, and where it was written."""

    mismatch: Mismatch
    spot: Spot | None
    is_batch: bool  # the first size, while everything behind it fits


def wrong_size(run: Run, failed: FailedOp) -> WrongSize | None:
    """The culprit among the sizes of a failed view; None where the call cannot be read."""
    asked = failed.call.args.get("size", failed.call.args.get("shape"))
    given = next((shape for _, shape in failed.call.tensors), None)
    frame = failed.frame or run.user_frame
    if not isinstance(asked, list) or given is None or frame is None or not all(isinstance(n, int) for n in asked):
        return None
    sizes = [n for n in asked if isinstance(n, int)]
    nodes = _size_nodes(frame, len(sizes))
    return (
        _remainder(run, frame, nodes)
        or _split(run, failed, sizes, given)
        or _batch(run, frame, nodes, sizes, given)
        or _groups(run, frame, nodes, sizes, given)
        or _divided(run, frame, nodes, sizes, given)
        or _written(run, frame, nodes, sizes, given)
        or _measured(run, frame, nodes, sizes, given)
    )


def asked_sizes(row: Row) -> Sequence[object]:
    """The sizes that a view was asked for, as it was told them: in a list, or one by one."""
    asked = [told for name, told in row.args.items() if name.startswith(("size", "shape"))]
    return asked[0] if len(asked) == 1 and isinstance(asked[0], list) else asked


def viewed_as_full(run: Run, failed: FailedOp) -> Row | None:
    """The view behind a product that was told the rows of a full batch, ``view(BATCH, -1)``: of fewer rows, the rest took the features."""
    for of, other in zip(both := sides(run, failed), reversed(both), strict=True):
        row = next((hop.row for hop in of.hops if hop.changed and family(hop.row.op) == "reshape"), None)
        given = row.inputs[0].last if row is not None and row.inputs else ()
        match asked_sizes(row) if row is not None else []:
            case [int(rows), -1] if 0 < rows != given[0] and numel(given[1:]) == other.size:
                return row
    return None


def _size_nodes(frame: FrameInfo, count: int) -> list[ast.expr]:
    """The expressions of the sizes; none where they are handed over otherwise than one by one."""
    node = parsed_text(frame.expression)
    if node is None:
        return []
    if not isinstance(node, ast.Call):
        return []
    arguments = node.args
    if len(arguments) == 1 and isinstance(arguments[0], ast.Tuple | ast.List):
        arguments = arguments[0].elts
    return list(arguments) if len(arguments) == count and not any(isinstance(a, ast.Starred) for a in arguments) else []


def _values(frame: FrameInfo) -> dict[str, int]:
    return {value.expression: value.value for value in frame.locals if type(value.value) is int}


def _remainder(run: Run, frame: FrameInfo, nodes: list[ast.expr]) -> WrongSize | None:
    """A size computed by a floor division that leaves a remainder: rows of elements are lost there."""
    known = _values(frame)
    for part in (part for node in nodes for part in ast.walk(node)):
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.FloorDiv):
            whole, by = (_number(side, known) for side in (part.left, part.right))
            if whole is not None and by and whole % by:
                return WrongSize(Mismatch("divides", (whole, by)), _spot(run, frame, part.right, by), False)
    return None


def _number(node: ast.expr, known: dict[str, int]) -> int | None:
    return node.value if isinstance(node, ast.Constant) and type(node.value) is int else known.get(ast.unparse(node))


def _split(run: Run, failed: FailedOp, sizes: list[int], given: tuple[int, ...]) -> WrongSize | None:
    """One dim that is split into several, while those before and behind it stay: (2, 255, 8, 8) as (2, 3, 7, 8, 8)."""
    front = next((i for i, (a, b) in enumerate(zip(given, sizes, strict=False)) if a != b), 0)
    back = next((i for i, (a, b) in enumerate(zip(given[::-1], sizes[::-1], strict=False)) if a != b), 0)
    middle, parts = given[front : len(given) - back], sizes[front : len(sizes) - back]
    if len(middle) != 1 or len(parts) < 2 or front == 0 or any(size < 1 for size in parts):
        return None
    of = side(run, failed, "input", front, middle[0])
    decided = cause(run, failed, of)
    place = decided.location if decided.how == "built" else _layer_before(run, middle[0])
    if place is None:
        return None
    spot = Spot(place.file, place.line, place.function, str(middle[0]), "constant")
    return WrongSize(Mismatch("dim", (middle[0], numel(parts)), front), spot, False)


def _layer_before(run: Run, size: int) -> Location | None:
    """Where the layer was built that gives this size to the next one in a container of layers, which hands it on unseen."""
    owners = (run.row(frame.owner) for frame in reversed(run.frames) if not frame.user)
    container = next((row for row in owners if row is not None and row.op == "Sequential"), None)
    layer = part_of(run, container, size) if container is not None else None
    return (written(run, layer, size) or run.location(layer)) if layer is not None else None


def _batch(
    run: Run, frame: FrameInfo, nodes: list[ast.expr], sizes: list[int], given: tuple[int, ...]
) -> WrongSize | None:
    """The first size, where all behind it holds one row's elements: rows were counted for another batch."""
    fits = given and sizes and sizes[0] > 0 and numel(sizes[1:]) == numel(given[1:]) and sizes[0] != given[0]
    if not fits:
        return None
    spot = _spot(run, frame, nodes[0], sizes[0]) if nodes else None
    return WrongSize(Mismatch("dim", (sizes[0], given[0]), 0), spot, True)


def _groups(
    run: Run, frame: FrameInfo, nodes: list[ast.expr], sizes: list[int], given: tuple[int, ...]
) -> WrongSize | None:
    """Rows or channels that are to be split into groups and do not divide into as many; everything behind them stays.

    ``view(groups, -1, *rest)`` splits the rows, ``view(batch * groups, -1, *rest)`` the channels.
    """
    if len(sizes) < 3 or sizes[1] != -1 or sizes[0] < 2 or not given:
        return None
    node, groups = (nodes[0] if nodes else None), sizes[0]
    rows = numel(sizes[2:]) == numel(given[1:])
    if not rows and sizes[2:] == list(given[2:]) and groups % given[0] == 0:
        groups //= given[0]
        node = _factor(frame, node, groups)
    elif not rows:
        return None
    split = given[0] if rows else given[1]
    if groups < 2 or split % groups == 0:
        return None
    spot = _spot(run, frame, node, groups) if node is not None else None
    return WrongSize(Mismatch("divides", (split, groups), 0 if rows else 1), spot, False)


def _divided(
    run: Run, frame: FrameInfo, nodes: list[ast.expr], sizes: list[int], given: tuple[int, ...]
) -> WrongSize | None:
    """The one size that another would make fit, where it was reckoned by a division: ``head_dim = dim // heads``."""
    whole = numel(sizes)
    fits = [
        (index, numel(given) * size // whole)
        for index, size in enumerate(sizes)
        if 0 < size not in given[1:] and whole > 0 and numel(given) * size % whole == 0
    ]
    if len(fits) != 1 or len(nodes) != len(sizes):
        return None
    index, wanted = fits[0]
    names = [part for part in ast.walk(nodes[index]) if isinstance(part, ast.Name | ast.Attribute)]
    for trail in climbs(run.sources, chain_of_frames(run, frame), names[0], whole=True) if names else ():
        last = trail.spots[-1]
        match parsed_text(last.node_text):
            case ast.BinOp(op=ast.FloorDiv()) if last.line and last.function != frame.function:
                return WrongSize(Mismatch("dim", (sizes[index], wanted), index), last, False)
    return None


def _factor(frame: FrameInfo, node: ast.expr | None, size: int) -> ast.expr | None:
    """The one factor of a product that is not known to be another number than this."""
    known = _values(frame)
    parts = [node.left, node.right] if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) else []
    fitting = [part for part in parts if _number(part, known) in (None, size)]
    return fitting[0] if len(fitting) == 1 else None


def _written(
    run: Run, frame: FrameInfo, nodes: list[ast.expr], sizes: list[int], given: tuple[int, ...]
) -> WrongSize | None:
    """A size that is none of the tensor's own and is written down somewhere."""
    for index, (node, size) in enumerate(zip(nodes, sizes, strict=False)):
        if size > 1 and size not in given and (spot := _spot(run, frame, node, size)) is not None:
            own = numel(given) // max(1, numel([n for n in sizes if n > 0]) // size)
            if len(given) == _WITH_POSITIONS and sizes == [-1, size]:
                own = given[-1]  # rows and positions become one dim, the features stay
            return WrongSize(Mismatch("dim", (size, own), index), spot, False)
    return None


def _measured(
    run: Run, frame: FrameInfo, nodes: list[ast.expr], sizes: list[int], given: tuple[int, ...]
) -> WrongSize | None:
    """A size read off a tensor that the module keeps since it was built: then it was built for another one."""
    built = run.row(frame.owner)
    place = run.location(built) if built is not None and built.kind == "construct" else None
    for index, (node, size) in enumerate(zip(nodes, sizes, strict=False)):
        if place is None or size < 2:
            continue
        spots = climb(run.sources, chain_of_frames(run, frame), node, value=size)
        rest = numel([n for n in sizes if n > 0]) // size
        if spots and spots[-1].kind == "data" and spots[-1].node_text.startswith("self.") and numel(given) % rest == 0:
            spot = Spot(place.file, place.line, place.function, str(size), "call")
            return WrongSize(Mismatch("dim", (size, numel(given) // rest), index), spot, False)
    return None


def _spot(run: Run, frame: FrameInfo, node: ast.expr, size: int) -> Spot | None:
    if isinstance(node, ast.Constant):
        return Spot(frame.file, frame.statement or frame.line, frame.function, str(size), "constant")
    trail = climb(run.sources, chain_of_frames(run, frame), node, value=size)
    return _copied_before(run, trail, size) or decided(without_shared_constant(run, trail))


def _copied_before(run: Run, trail: list[Spot], size: int) -> Spot | None:
    """Where a number was copied from a config, if the model's vocabulary had that many entries and was resized later."""
    resized = any("resize" in row.op and row.args.get("before") == size for row in run.of_kind("vocabulary"))
    copies = (spot for spot in trail[1:] if spot.kind in ("attribute", "assign") and "vocab_size" in spot.node_text)
    return next(copies, None) if resized else None


def written_location(run: Run, wrong: WrongSize) -> Location | None:
    """Where the wrong size was written."""
    spot = wrong.spot
    return run.at(spot) if spot is not None else None


def frozen_batch(run: Run, failed: FailedOp) -> WrongSize | None:
    """A number of rows that the code states, asked of a tensor of other rows."""
    wrong = wrong_size(run, failed)
    stated = (
        wrong is not None and wrong.is_batch and wrong.spot is not None and wrong.spot.kind not in ("data", "outside")
    )
    return wrong if stated else None

"""Where the contents of a tensor were decided: the values of an index, or how many entries of a mask are true.

A number that stands in a tensor has no dimension to be followed. What is told is the event that brought the contents into
the run: the tokenizer's call, the loader that read the batch, the function of the user's that computed them.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence
from typing import cast

from shapeguard.analysis.climb import Spot, climbs
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.loading import sample_entry
from shapeguard.analysis.run import Run
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Location
from shapeguard.values.recording import NamedValue, Row, TensorArg

# They hand on what was computed outside of torch.
FROM_OUTSIDE = frozenset({"from_numpy", "as_tensor", "tensor", "asarray", "Tensor", "LongTensor", "FloatTensor"})
_MASKS = frozenset({"bool", "uint8"})


def mask_of(row: Row) -> TensorArg | None:
    """The mask by which an event took entries, where it took them by one: their number is nobody's size."""
    if row.op == "getitem":
        return next((t for t in row.inputs[1:] if t.dtype in _MASKS and t.label.startswith("index")), None)
    if row.op in ("masked_select", "nonzero"):
        return row.inputs[-1] if row.inputs else None
    return None


def brought_in(run: Run, tensor: TensorArg | NamedValue) -> Location | None:
    """The line that brought the contents of a tensor into the run; None where that was not seen."""
    behind = list(ancestors(run, tensor))
    for row in behind:
        if row.kind == "tokenizer":
            return run.location(row)
        loader = loader_of(run, row)
        if loader is not None:
            outside = (other for other in behind if other.op in FROM_OUTSIDE and not other.inputs)
            made = (made_outside(run, other) for other in outside)
            known = next((place for place in made if place is not None), None)
            return known or _of_numbers(run, row, tensor, behind) or run.location(loader)
    for row in behind:
        if row.op in FROM_OUTSIDE and not row.inputs:
            return made_outside(run, row) or of_call(run, row) or run.location(row)
    return None


def _of_numbers(run: Run, loader: Row, tensor: TensorArg | NamedValue, behind: Sequence[Row]) -> Location | None:
    """Where a data set made the number of each sample of which default collation made a tensor."""
    taken = [part for part in (tensor, *(part for row in behind for part in row.inputs)) if part.origin == loader.id]
    return sample_entry(run, loader, taken[-1]) if taken and loader.kind == "loader" else None


def of_call(run: Run, row: Row) -> Location | None:
    """The call of a helper that made a tensor, where other calls of it made other tensors: the line says nothing of this one."""
    sites = run.recording.chains[row.chain].sites
    for other in run.rows:
        theirs = run.recording.chains[other.chain].sites
        if (
            other.op == row.op
            and theirs[:1] == sites[:1]
            and len(sites) > 1
            and theirs[1:2] != sites[1:2]
            and theirs[2:] == sites[2:]
        ):
            return run.location(row, 1)
    return None


def made_at(run: Run, tensor: TensorArg | NamedValue) -> Location | None:
    """The user's line that computed a tensor last, past those that only hand it on; None where that was not seen."""
    for row in ancestors(run, tensor):
        if row.kind in ("op", "concat", "tokenizer") and row.op not in _HANDED_ON:
            outside = made_outside(run, row) if row.op in FROM_OUTSIDE and not row.inputs else None
            return outside or run.location(row)
    return None


_HANDED_ON = frozenset(
    {
        "to",
        "contiguous",
        "long",
        "int",
        "cuda",
        "cpu",
        "detach",
        "clone",
        "stack",
        "unbind",
        "unsqueeze",
        "squeeze",
        "view",
        "reshape",
    }
)


def loader_of(run: Run, row: Row) -> Row | None:
    """The row in which the DataLoader was built whose collation a row is part of."""
    if row.kind == "loader":
        return run.row(row.owner)
    for other in run.rows[row.id + 1 : row.id + 64]:
        if other.kind == "loader" and other.chain == row.chain:
            return run.row(other.owner)
        if other.chain != row.chain:
            return None
    return None


def made_outside(run: Run, row: Row, padded: bool = False) -> Location | None:
    """The line of another function of the user's that made what a row took over from outside of torch, or that of its call.

    With ``padded`` lists that are filled up by the way are asked for without what fills them up.
    """
    sites = run.chain(row)
    node = parsed_text(run.expression(row))
    if node is None:
        return None
    if not sites or not isinstance(node, ast.Call) or not node.args:
        return None
    given = first_entry(node.args[0], padded)
    while isinstance(given, ast.BinOp) and isinstance(given.op, ast.Add):
        given = given.left  # a list with padding behind it
    found = climbs(run.sources, sites, given, whole=True)
    spots = [spot for spot in (found[0].spots if found else ()) if spot.kind not in ("outside", "parameter", "use")]
    if not spots or (spots[-1].function == sites[0].function and not _calls(spots[-1])):
        return None
    return _lists_filled(run, spots[-1]) or run.at(spots[-1])


def _lists_filled(run: Run, spot: Spot) -> Location | None:
    """The one line that adds to the lists of a dict which begin empty, ``boxes[image].append(box)``."""
    match parsed_text(spot.node_text):
        case (
            ast.DictComp(value=ast.List(elts=[]))
            | ast.Call(func=ast.Name(id="defaultdict"), args=[ast.Name(id="list")])
        ):
            pass
        case _:
            return None
    source = run.sources[spot.file]
    statement = source.statement(spot.line)
    targets = {ast.unparse(target) for target in statement.targets} if isinstance(statement, ast.Assign) else set()
    lines = []
    for node in ast.walk(source.tree or ast.Module([], [])):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Subscript(value=owner), attr="append" | "extend")):
                lines += [node.lineno] if ast.unparse(owner) in targets else []
    return run.place(spot.file, lines[0], spot.function) if len(lines) == 1 else None


def first_entry(node: ast.expr, padded: bool = False) -> ast.expr:
    """What the first entry of a list comprehension is: ``rows[0][1]`` of ``[row[1] for row in rows]``; else the node itself.

    Of a sum it is only with ``padded``, its first term: ``rows[0]`` of ``[row + [0] * more for row in rows]``.
    """
    match node:
        case ast.List(elts=[ast.Name() as first]) if padded:
            return first  # a batch of one
        case ast.ListComp(elt=ast.BinOp(left=first, op=ast.Add())) if padded:
            return first_entry(ast.ListComp(first, node.generators), padded)
        case ast.ListComp(
            elt=ast.Name() | ast.Subscript() | ast.Attribute() as made,
            generators=[ast.comprehension(target=target, iter=source, ifs=[])],
        ):
            first = ast.Subscript(source, ast.Constant(0), ast.Load())
        case _:
            return node
    names = target.elts if isinstance(target, ast.Tuple) else [target]
    parts: dict[str, ast.expr] = {}
    for place, name in enumerate(names):
        part = ast.Subscript(first, ast.Constant(place), ast.Load()) if isinstance(target, ast.Tuple) else first
        if isinstance(name, ast.Name):
            parts[name.id] = part
    return cast("ast.expr", _Put(parts).visit(copy.deepcopy(made)))


class _Put(ast.NodeTransformer):
    """Names replaced by what they stand for."""

    def __init__(self, parts: Mapping[str, ast.expr]) -> None:
        self._parts = parts

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._parts.get(node.id, node)


def _calls(spot: Spot) -> bool:
    """Whether a name was given what a function of no object made, one by one: ``[scale(box) for box in boxes]``."""
    match parsed_text(spot.node_text):
        case ast.ListComp(elt=ast.Call(func=ast.Name())):
            return True
    return False

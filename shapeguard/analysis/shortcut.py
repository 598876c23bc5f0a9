"""A residual connection whose shortcut was left out: the condition that decides about it does not cover this case.

In a residual block (He et al. 2015, «Deep Residual Learning for Image Recognition», sec. 3.3) the input is added to what the
layers made of it; where these change its channels, a projection on the shortcut has to do the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import sides
from shapeguard.values.findings import Location
from shapeguard.values.recording import FrameInfo

_SUMS = frozenset({"add", "add_", "iadd"})


def condition_of_shortcut(run: Run, failed: FailedOp) -> Location | None:
    """The condition under which the shortcut of a failed residual sum is built; None where it is no such sum."""
    frame = run.user_frame
    if frame is None or failed.op not in _SUMS or failed.clash is None or failed.clash.kind != "dim":
        return None
    if not _is_residual(run, failed):
        return None
    names = list(dict.fromkeys(_shortcuts(run, frame)))
    found = [place for name in names for place in _conditions(run, name, frame)]
    return run.place(*found[0]) if found else None


def lacks_projection(run: Run, failed: FailedOp) -> bool:
    """Whether a residual sum adds what went into a block as it is to what came out with other channels and another resolution."""
    shapes = [shape for _, shape in failed.call.tensors[:2]]
    if failed.op not in _SUMS or len(shapes) != 2 or not len(shapes[0]) == len(shapes[1]) > 2:
        return False
    one, other = shapes
    return one[0] == other[0] and one[1] != other[1] and one[2:] != other[2:] and _is_residual(run, failed)


def without_stride(run: Run, failed: FailedOp) -> Location | None:
    """Where the layer on a shortcut was built, if the layers beside it make the same map smaller and it does not."""
    if failed.op not in _SUMS or failed.clash is None or (failed.clash.left_dim or 0) < 2:
        return None
    both = sides(run, failed)
    for ours, other in (both, both[::-1]) if len(both) == 2 else ():
        shrunk = next((hop for hop in ours.hops if hop.changed and hop.row.kind == "module"), None)
        kept = other.hops[0].row if other.hops and other.hops[0].row.kind == "module" else None
        if shrunk is None or kept is None or shrunk.size_before != other.size or other.hops[0].changed:
            continue
        built = run.row(kept.owner)
        if built is not None and kept.inputs and kept.inputs[0].origin == shrunk.row.inputs[0].origin is not None:
            return run.location(built)
    return None


def _is_residual(run: Run, failed: FailedOp) -> bool:
    """Whether one operand is what the other was made of."""
    values = [failed.operands.get(label) for label in ("input", "other")]
    origins = [value.origin if value is not None else None for value in values]
    for value, origin in zip(values, reversed(origins), strict=True):
        if value is not None and origin is not None and any(row.id == origin for row in ancestors(run, value)):
            return True
    return False


def _shortcuts(run: Run, frame: FrameInfo) -> Iterator[str]:
    """What the function of the sum calls the projection of its shortcut: called in the sum, or under a condition before it."""
    source = run.sources[frame.file]
    statement = source.statement(frame.line)
    yield from _called(statement) if statement is not None else ()
    for node in ast.walk(source.tree) if source.tree is not None else ():
        if isinstance(node, ast.If) and node.lineno < frame.line and frame.line - node.lineno < 40:
            for inner in node.body:
                yield from _called(inner)


def _called(statement: ast.AST) -> Iterator[str]:
    """The attributes of ``self`` that a statement calls."""
    for node in ast.walk(statement):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                yield name


def _conditions(run: Run, name: str, frame: FrameInfo) -> Iterator[tuple[str, int, str]]:
    """The conditions under which something of this name is given a value, outside of the function of the sum."""
    for file, function in run.nodes(ast.FunctionDef):
        if function.name == frame.function.rpartition(".")[2]:
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.If) and any(_gives(inner, name) for inner in node.body):
                yield file, node.lineno, function.name


def _gives(statement: ast.stmt, name: str) -> bool:
    if not isinstance(statement, ast.Assign):
        return False
    for target in statement.targets:
        match target:
            case ast.Name(id=found) | ast.Attribute(attr=found) if found == name:
                return True
    return False

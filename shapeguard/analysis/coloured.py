"""Where a program makes pictures in grey into pictures in colour, for layers that were built for one channel."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.run import Run
from shapeguard.values.findings import Location

_COLOURS = 3


def coloured_at(run: Run) -> Location | None:
    """The one statement that gives pictures three channels; where a function does nothing else, its one call."""
    found = list(_makes_colours(run))
    if len(found) != 1:
        return None
    file, line = found[0]
    function = run.sources[file].function_at(line)
    name = function.name if function is not None else ""
    calls = [
        (where, node.lineno)
        for where, node in run.nodes(ast.Call)
        if isinstance(node.func, ast.Name) and node.func.id == name
    ]
    return run.place(*calls[0]) if len(calls) == 1 else run.place(file, line, name)


def _makes_colours(run: Run) -> Iterator[tuple[str, int]]:
    """``np.stack([grey] * 3)``, ``np.repeat(grey, 3)``, ``image.convert("RGB")``."""
    for file, node in run.nodes(ast.Call):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="stack" | "concatenate" | "dstack"),
                args=[ast.BinOp(op=ast.Mult(), right=ast.Constant(value=value)), *_],
            ) if value == _COLOURS:
                yield file, node.lineno
            case ast.Call(func=ast.Attribute(attr="repeat"), args=[_, ast.Constant(value=value)]) if value == _COLOURS:
                yield file, node.lineno
            case ast.Call(func=ast.Attribute(attr="convert"), args=[ast.Constant(value="RGB")]):
                yield file, node.lineno

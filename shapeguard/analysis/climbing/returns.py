"""What a function of the user's hands back."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from shapeguard.analysis.climbing.scopes import EACH, FunctionNode, Hop, Path, Scope, Want, named_part

if TYPE_CHECKING:
    from shapeguard.analysis.climbing.climber import Climber


def returned(climber: Climber, frame: FunctionNode, scope: Scope, path: Path, value: int | None) -> list[Hop]:
    """The hops to the expressions that a function returns, or yields when some element of the result is wanted."""
    if isinstance(frame, ast.Lambda):
        return [Hop(climber.spot(frame.body, scope, "return"), Want(frame.body, scope, path, value))]
    code = climber.base[scope.file]
    if frame not in code.handed_back:
        code.handed_back[frame] = [n for n in _own(frame) if isinstance(n, ast.Return | ast.Yield | ast.YieldFrom)]
    own = code.handed_back[frame]
    element = path[1:] if path[:1] == (EACH,) else path
    given: list[tuple[ast.expr, Path]] = [(n.value, path) for n in own if isinstance(n, ast.Return) and n.value]
    yields: list[tuple[ast.expr, Path]] = [(n.value, element) for n in own if isinstance(n, ast.Yield) and n.value]
    yields += [(n.value, path) for n in own if isinstance(n, ast.YieldFrom)]
    # The last return is the ordinary way out; the earlier ones are special cases.
    ordered = sorted(yields or given, key=lambda item: -item[0].lineno)
    return [
        Hop(climber.spot(node, scope, "return", named_part(node, rest)), Want(node, scope, rest, value))
        for node, rest in ordered
    ]


def _own(frame: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions inside it."""
    for node in ast.iter_child_nodes(frame):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield node
            yield from _own(node)

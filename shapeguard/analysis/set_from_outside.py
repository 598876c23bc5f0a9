"""Attributes that the program sets on an object from outside of its class, over what the class itself made."""

from __future__ import annotations

import ast

from shapeguard.analysis.run import Run
from shapeguard.values.findings import Location


def set_from_outside(run: Run, expression: str) -> Location | None:
    """Where ``self.x`` was set as ``other.x = ...``; None where it was not, or in several places."""
    if not expression.startswith("self.") or not expression[5:].isidentifier():
        return None
    found = []
    for file, node in run.nodes(ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Attribute) and target.attr == expression[5:] and not _is_self(target.value):
                found.append(run.place(file, node.lineno, ""))
    return found[0] if len(found) == 1 else None


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")

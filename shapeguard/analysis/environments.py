"""Environments of reinforcement learning: ``reset`` has returned (observation, info) since ``step`` returns five values."""

from __future__ import annotations

import ast

from shapeguard.analysis.run import Run
from shapeguard.values.findings import Location

_STEP = 5  # observation, reward, terminated, truncated, info


def kept_reset(run: Run) -> Location | None:
    """Where both results of ``reset`` were kept under one name, as the observation, of an environment of that kind."""
    for file in run.recording.sources:
        assigned = [node for node in run.sources[file].nodes if isinstance(node, ast.Assign)]
        stepped = {owner for node in assigned if (owner := _owner(node, "step")) and _unpacked(node) == _STEP}
        for node in assigned:
            if _owner(node, "reset") in stepped and isinstance(node.targets[0], ast.Name | ast.Attribute):
                return run.place(file, node.lineno)
    return None


def _owner(node: ast.Assign, method: str) -> str:
    """The object on whose method's result a name is set; "" where it is none of it."""
    match node.value:
        case ast.Call(func=ast.Attribute(value=owner, attr=name)) if name == method:
            return ast.unparse(owner)
    return ""


def _unpacked(node: ast.Assign) -> int:
    target = node.targets[0]
    return len(target.elts) if isinstance(target, ast.Tuple) else 0

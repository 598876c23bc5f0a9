"""Settings by name: where the user's code says ``model.generation_config.cache_implementation = "static"`` and the like."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.run import Run
from shapeguard.values.findings import Location


def set_at(run: Run, name: str) -> Location | None:
    """The last place in the user's files that gives a setting a value: an attribute, an entry of a dict or a keyword."""
    found = list(settings(run, name))
    return found[-1][0] if found else None


def settings(run: Run, name: str) -> Iterator[tuple[Location, ast.expr]]:
    """Every place that gives a setting a value other than None, attributes last, with the value's expression."""
    later: list[tuple[Location, ast.expr]] = []
    for file, node in run.nodes(ast.AST):
        for value, by_attribute in _given(node, name):
            if isinstance(value, ast.Constant) and value.value is None:
                continue
            # A keyword or an entry stands on a line of its own in a long call; the statement is what is compared.
            item = (run.place(file, value.lineno), value)
            if by_attribute:
                later.append(item)
            else:
                yield item
    yield from later


def _given(node: ast.AST, name: str) -> Iterator[tuple[ast.expr, bool]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Attribute) and target.attr == name:
                yield node.value, True
            if (
                isinstance(target, ast.Subscript)
                and isinstance(target.slice, ast.Constant)
                and target.slice.value == name
            ):
                yield node.value, True
    elif isinstance(node, ast.Call):
        yield from ((keyword.value, False) for keyword in node.keywords if keyword.arg == name)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == name:
                yield value, False

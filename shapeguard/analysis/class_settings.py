"""Settings that several classes of the user's have under one name, a class for each stage or variant."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.run import Run
from shapeguard.values.findings import Location


def shorter_setting(run: Run, more: int) -> Location | None:
    """Where one class has a list or dict with so many entries fewer than another class has under the same name (more: below 0)."""
    told: dict[str, list[tuple[int, Location]]] = {}
    for name, entries, place in _listed(run):
        told.setdefault(name, []).append((entries, place))
    found = [
        place
        for settings in told.values()
        for entries, place in settings
        if more and any(other - entries == more for other, _ in settings)
    ]
    return found[0] if len(found) == 1 else None


def _listed(run: Run) -> Iterator[tuple[str, int, Location]]:
    """The lists and dicts that stand in classes: name, number of entries, place."""
    for file, cls in run.nodes(ast.ClassDef):
        for statement in cls.body:
            match statement:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=value)
                ) if isinstance(value, ast.Dict | ast.List | ast.Tuple | ast.Set):
                    entries = len(value.keys) if isinstance(value, ast.Dict) else len(value.elts)
                    yield name, entries, run.place(file, statement.lineno, cls.name)

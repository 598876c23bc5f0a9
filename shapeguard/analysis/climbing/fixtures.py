"""Parameters that pytest fills: with what the fixture of that name hands back."""

from __future__ import annotations

import ast
from pathlib import PurePath
from typing import TYPE_CHECKING

from shapeguard.analysis.climbing.code import last_name
from shapeguard.analysis.climbing.returns import returned
from shapeguard.analysis.climbing.scopes import Frame, Hop, Want

if TYPE_CHECKING:
    from shapeguard.analysis.climbing.climber import Climber


def of_fixture(climber: Climber, want: Want, frame: Frame, name: str) -> list[Hop]:
    """The hops to what the fixture of a parameter's name hands back, where the function is a test or a fixture itself."""
    if not isinstance(frame, ast.FunctionDef) or not (frame.name.startswith("test") or is_fixture(frame)):
        return []
    for code in climber.base.all(want.scope.file):
        if code.name != want.scope.file and PurePath(code.name).name != "conftest.py":
            continue
        for node in code.tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == name and node is not frame and is_fixture(node):
                return returned(climber, node, climber.scope_of(code.name, node), want.path, want.value)
    return []


def is_fixture(function: Frame) -> bool:
    """Whether a function is decorated with ``@pytest.fixture``, called or not."""
    if not isinstance(function, ast.FunctionDef):
        return False
    given = (one.func if isinstance(one, ast.Call) else one for one in function.decorator_list)
    return any(last_name(one) == "fixture" for one in given)

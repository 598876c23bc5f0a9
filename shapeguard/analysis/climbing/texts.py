"""Values that stand in texts: entries of yaml or json literals in the code, and options of argparse."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from shapeguard.analysis.climbing.code import Code
from shapeguard.analysis.climbing.scopes import Path


def entry_line(code: Code, node: ast.Constant, path: Path, value: int | None = None) -> int | None:
    """The line, inside a text literal, of the entry at this path: its keys are looked for one after the other.

    Of the blocks of a text, that the path does not tell apart, it is the first in which the entry has the value.
    """
    if not isinstance(node.value, str):
        return None
    lines = code.source.lines[node.lineno - 1 : node.end_lineno]
    if path and not isinstance(path[0], str) and isinstance(path[-1], str):
        numbers = range(node.lineno, node.lineno + len(lines))
        return next((n for n in numbers if value is not None and entry_value(code, n, path[-1]) == value), None)
    row = -1
    for key in (key for key in path if isinstance(key, str)):
        pattern = re.compile(rf"""(^|[\s"'{{,\[-]){re.escape(key)}["']?\s*[:=]""")
        found = next((i for i in range(max(row, 0), len(lines)) if pattern.search(lines[i])), None)
        if found is None:
            return None
        row = found
    return node.lineno + row if row >= 0 else None


def entry_value(code: Code, line: int, key: str) -> int | None:
    """The int that stands behind a key in a line of a text."""
    text = code.source.lines[line - 1]
    found = re.search(rf"""{re.escape(key)}["']?\s*[:=]\s*["']?(-?\d+)(?![\d.eE])""", text)
    return int(found[1]) if found else None


def options(codes: list[Code], name: str) -> Iterator[tuple[Code, ast.Call]]:
    """The ``add_argument`` calls that declare an option with this destination."""
    for code in codes:
        for call in code.calls_named.get("add_argument", ()):
            if _destination(call) == name:
                yield code, call


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword of a call."""
    return next((given.value for given in call.keywords if given.arg == name), None)


def _destination(call: ast.Call) -> str:
    explicit = keyword(call, "dest")
    if isinstance(explicit, ast.Constant):
        return str(explicit.value)
    flags = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    long = next((flag for flag in flags if flag.startswith("--")), flags[0] if flags else "")
    return long.lstrip("-").replace("-", "_")

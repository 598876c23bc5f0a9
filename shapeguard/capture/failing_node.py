"""The expression of a frame that failed, found by ``executing``."""

from __future__ import annotations

import ast
from contextlib import suppress
from types import CodeType, FrameType
from typing import Any

from executing import Source


class FailingNode:
    """The failing node of a frame and the statement it stands in, found by ``executing``."""

    def __init__(self, frame: FrameType, offset: int) -> None:
        self.node: ast.AST | None = None
        self.statement: ast.stmt | None = None
        self.source: Any = None
        self.compared: list[ast.Compare] = []  # what a statement that raised on purpose compared before
        with suppress(Exception):  # executing raises many things on odd bytecode; the frame is then told without it
            at: Any = _FrameAt(frame, offset)
            found = Source.executing(at)
            self.source = found.source
            self.node = found.node
            statements = list(found.statements or ())
            self.statement = statements[0] if len(statements) == 1 else None
            if self.node is None and self.statement is not None:
                self.node = self.statement
            self.compared = _compared(self.statement)
            self.node = self.compared[-1] if self.compared else self.node


def _compared(statement: ast.stmt | None) -> list[ast.Compare]:
    """The comparisons for which a statement raised on purpose: what was compared says more than the exception that was made."""
    around = getattr(statement, "parent", None)
    if isinstance(statement, ast.Assert):
        test: ast.expr = statement.test
    elif isinstance(statement, ast.Raise) and isinstance(around, ast.If) and statement in around.body:
        test = around.test
    else:
        return []
    return [node for node in ast.walk(test) if isinstance(node, ast.Compare)]


class _FrameAt:
    """A frame as it stood when the exception passed: its own ``f_lasti`` has moved on since."""

    def __init__(self, frame: FrameType, offset: int) -> None:
        self.f_code: CodeType = frame.f_code
        self.f_globals = frame.f_globals
        self.f_lasti = offset
        self.f_lineno = frame.f_lineno

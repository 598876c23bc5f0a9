"""The user's call chain as scopes, and the call in each of them that entered the next one."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from shapeguard.analysis.climbing.code import Code, Codebase, last_name
from shapeguard.analysis.climbing.scopes import Frame, Scope
from shapeguard.values.recording import Site

CALLED_BY_VALUE = ("forward", "__call__", "__init__")  # methods that are entered by calling an object or a class


class Chained:
    """The sites of a call chain, innermost first, in the files' syntax trees."""

    def __init__(self, base: Codebase, chain: Sequence[Site]) -> None:
        self.base = base
        self.sites = chain
        self.frames: list[Frame] = [_frame(base[site.file], site) for site in self.sites]

    def scope(self, depth: int) -> Scope:
        """The scope of a site."""
        site = self.sites[depth]
        code = self.base[site.file]
        # Inside of a comprehension its names have other values than behind it.
        at = code.looped.get((site.line, site.end_line, site.col, site.end_col)) or code.source.statement(site.line)
        return Scope(site.file, self.frames[depth], at=at, depth=depth)

    def depth_of(self, frame: Frame) -> int:
        """Where in the chain a function stands; -1 if it does not."""
        return next((i for i, found in enumerate(self.frames) if found is frame), -1)

    def calls(self, depth: int) -> list[ast.Call]:
        """The calls at a site that may have entered the function below it, the likeliest first."""
        site = self.sites[depth]
        code = self.base[site.file]
        if depth and _generates(self.frames[depth - 1]):  # the site is that of whatever took its next item
            return [call for call in _in_statement(code, site.line) if self._named(call, depth - 1)]
        if site.col >= 0:
            return [call for call in code.calls if _stands_at(call, site)]
        return sorted(_in_statement(code, site.line), key=lambda call: not self._named(call, depth - 1))

    def _named(self, call: ast.Call, entered: int) -> bool:
        """Whether the called expression has the name of the function that was entered, or of its class."""
        frame = self.frames[entered]
        cls = self.base[self.sites[entered].file].class_of(frame)
        name = getattr(frame, "name", "")
        made = name == "__init__" and cls is not None and last_name(call.func) == cls.name
        return made or last_name(call.func) == name


def _frame(code: Code, site: Site) -> Frame:
    """The function of a site; the lambda, where it stands in one."""
    if site.function.endswith("<lambda>"):
        for node in ast.walk(code.source.statement(site.line) or code.tree):
            if isinstance(node, ast.Lambda) and node.lineno <= site.line <= (node.end_lineno or 0):
                return node
    return code.frame_at(site.line)


def _generates(frame: Frame) -> bool:
    """Whether a function is a generator."""
    inner = {
        part
        for node in ast.walk(frame)
        if isinstance(node, ast.FunctionDef) and node is not frame
        for part in ast.walk(node)
    }
    named = isinstance(frame, ast.FunctionDef | ast.AsyncFunctionDef)
    return named and any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(frame) if node not in inner)


def _stands_at(call: ast.Call, site: Site) -> bool:
    place = (call.lineno, call.end_lineno, call.col_offset, call.end_col_offset)
    return place == (site.line, site.end_line, site.col, site.end_col)


def _in_statement(code: Code, line: int) -> list[ast.Call]:
    """The calls of the innermost statement that covers a line, its inner blocks left out."""
    statement = code.source.statement(line)
    return [call for call in code.calls if statement is not None and code.statement_of(call) is statement]

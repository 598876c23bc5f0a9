"""The text of the user's files, as statements."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property


def parsed_text(text: str) -> ast.expr | None:
    """The expression that a text is; None where it is none."""
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return None


def given_as(text: str, name: str | None) -> list[ast.expr]:
    """What the call that a text is gives under a keyword; the mappings of ``**batch`` for None."""
    node = parsed_text(text)
    return [word.value for word in node.keywords if word.arg == name] if isinstance(node, ast.Call) else []


def given_at(call: ast.Call, name: str, place: int) -> ast.expr | None:
    """What a call gives to a parameter, by its name or its place; None where that is left out, or unpacked from something."""
    for word in call.keywords:
        if word.arg == name:
            return word.value
    before = call.args[: place + 1]
    return before[place] if len(before) > place and not any(isinstance(arg, ast.Starred) for arg in before) else None


def unpacked_at(call: ast.Call, place: int) -> ast.expr | None:
    """What a call gives to the parameter at a place out of a sequence, ``size[0]`` of ``Embedding(*size)``."""
    for start, arg in enumerate(call.args[: place + 1]):
        if isinstance(arg, ast.Starred):
            return ast.Subscript(arg.value, ast.Constant(place - start), ast.Load())
    return None


def parsed_statement(text: str) -> ast.stmt | None:
    """The one statement that a text is; None where it is none, or only its first line."""
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return None
    return body[0] if len(body) == 1 else None


def taken_apart(statement: ast.stmt | None) -> tuple[int, ast.expr] | None:
    """(names, value) of ``batch, seq = ids.shape``: into how many names a statement takes a value apart, and the value."""
    match statement:
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=value):
            return None if any(isinstance(name, ast.Starred) for name in names) else (len(names), value)
    return None


class SourceFile:
    """One file: its lines and, where it parses, its statements."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.splitlines()

    @cached_property
    def tree(self) -> ast.Module | None:
        """The parsed file; None where it does not parse."""
        try:
            return ast.parse(self.text)
        except (SyntaxError, ValueError):
            return None

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All parts of the file, as ``ast.walk`` gives them; none where it is no Python."""
        return tuple(ast.walk(self.tree)) if self.tree is not None else ()

    @cached_property
    def _statements(self) -> dict[int, ast.stmt]:
        """The innermost statement at each line."""
        found: dict[int, ast.stmt] = {}
        for node in self.nodes:  # breadth first: inner statements come later and overwrite
            if isinstance(node, ast.stmt):
                for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                    found[line] = node
        return found

    @cached_property
    def _texts(self) -> frozenset[int]:
        """The lines inside of texts of several lines, the first line left out."""
        nodes = (node for node in self.nodes if isinstance(node, ast.Constant))
        texts = (node for node in nodes if isinstance(node.value, str) and (node.end_lineno or 0) > node.lineno)
        return frozenset(n for node in texts for n in range(node.lineno + 1, (node.end_lineno or node.lineno) + 1))

    def statement(self, line: int) -> ast.stmt | None:
        """The innermost statement that covers this line."""
        return self._statements.get(line)

    def function_at(self, line: int) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The innermost function whose body covers this line."""
        functions = [n for n in self.nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        around = [node for node in functions if node.lineno <= line <= (node.end_lineno or node.lineno)]
        return max(around, key=lambda node: node.lineno, default=None)

    def class_at(self, line: int) -> ast.ClassDef | None:
        """The innermost class whose body covers this line."""
        classes = [n for n in self.nodes if isinstance(n, ast.ClassDef)]
        around = [node for node in classes if node.lineno <= line <= (node.end_lineno or node.lineno)]
        return max(around, key=lambda node: node.lineno, default=None)

    def repeats(self, line: int) -> bool:
        """Whether a loop, or a comprehension, of its function goes through this line more than once."""
        for node in ast.walk(self.function_at(line) or ast.Module([], [])):
            if isinstance(node, ast.For | ast.While) and node.lineno < line <= (node.end_lineno or 0):
                return True
            if isinstance(node, ast.ListComp | ast.GeneratorExp) and node.lineno <= line <= (node.end_lineno or 0):
                return True
        return False

    def first_line(self, line: int) -> int:
        """First line of the innermost statement that covers this line; a decorator is one, and a line of a text is one."""
        if line in self._texts:
            return line
        statement = self.statement(line)
        for part in getattr(statement, "decorator_list", ()):
            if part.lineno <= line <= part.end_lineno:
                return int(part.lineno)
        return statement.lineno if statement is not None else line

    def line(self, line: int) -> str:
        """The stripped text of a line."""
        return self.lines[line - 1].strip() if 0 < line <= len(self.lines) else ""

    @cached_property
    def names_read(self) -> Counter[str]:
        """How many statements read each plain name."""
        return self._read(lambda node: node.id if isinstance(node, ast.Name) and _is_read(node) else None)

    @cached_property
    def entries_read(self) -> Counter[str]:
        """How many statements read each entry of some object that is not ``self``: ``cfg.width`` and ``cfg["width"]``."""
        return self._read(_entry)

    def _read(self, name_of: Callable[[ast.AST], str | None]) -> Counter[str]:
        found = {
            (name, getattr(self.statement(getattr(node, "lineno", 0)), "lineno", 0))
            for node in self.nodes
            if (name := name_of(node)) is not None
        }
        return Counter(name for name, _ in found)

    def indent(self, line: int) -> str:
        """The white space a line begins with."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return text[: len(text) - len(text.lstrip())]

    def segment(self, line: int, end_line: int, col: int, end_col: int) -> str:
        """The text between two places; columns count in UTF-8 bytes, as Python's own positions do."""
        if not 0 < line <= end_line <= len(self.lines) or col < 0:
            return ""
        rows = [text.encode() for text in self.lines[line - 1 : end_line]]
        rows[-1] = rows[-1][:end_col]
        rows[0] = rows[0][col:]
        return " ".join(row.decode(errors="replace").strip() for row in rows)


def _is_read(node: ast.Name | ast.Attribute | ast.Subscript) -> bool:
    return isinstance(node.ctx, ast.Load)


def _entry(node: ast.AST) -> str | None:
    match node:
        case ast.Attribute(value=ast.Name(id="self")):
            return None
        case ast.Attribute(attr=name) if _is_read(node):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)) if _is_read(node):
            return name
    return None


class Sources:
    """The user's files by name; a file that is not known has no text."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._files = {name: SourceFile(text) for name, text in texts.items()}

    def __getitem__(self, file: str) -> SourceFile:
        return self._files.get(file) or SourceFile("")

    def __contains__(self, file: str) -> bool:
        return file in self._files


def index_text(expression: str) -> str:
    """What stands between the brackets of ``tokens[alive]``; "" where the expression is no subscript."""
    try:
        node = ast.parse(expression, mode="eval").body
    except SyntaxError:
        return ""
    return ast.unparse(node.slice) if isinstance(node, ast.Subscript) else ""

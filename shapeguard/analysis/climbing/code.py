"""The user's files as syntax trees, with the questions that a climb asks of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from weakref import WeakKeyDictionary

from shapeguard.analysis.climbing.scopes import Path
from shapeguard.analysis.source import SourceFile, Sources

Definition = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
MODULE = ast.Module([], [])


class Code:
    """One file: parents of its nodes, the functions and classes that enclose them, its calls."""

    def __init__(self, name: str, source: SourceFile) -> None:
        self.name = name
        self.source = source
        self.tree = source.tree or MODULE
        self.handed_back: dict[ast.AST, list[ast.Return | ast.Yield | ast.YieldFrom]] = {}  # what functions hand back
        self.given_to_self: dict[ast.ClassDef, dict[str, list[tuple[Definition, ast.stmt, ast.expr, Path]]]] = {}
        self.parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @cached_property
    def calls(self) -> list[ast.Call]:
        """Every call in the file, in the order of its text."""
        found = [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]
        return sorted(found, key=lambda node: (node.lineno, node.col_offset))

    @cached_property
    def looped(self) -> dict[tuple[int, int, int, int], ast.expr]:
        """The expressions inside of comprehensions by their places in the text."""
        found: dict[tuple[int, int, int, int], ast.expr] = {}
        for node in ast.walk(self.tree):
            for part in ast.walk(node) if isinstance(node, Comprehension) else ():
                if isinstance(part, ast.expr) and part is not node:
                    place = (part.lineno, part.end_lineno or 0, part.col_offset, part.end_col_offset or 0)
                    found.setdefault(place, part)
        return found

    @cached_property
    def calls_named(self) -> dict[str, list[ast.Call]]:
        """The calls by the last part of what is called."""
        found: dict[str, list[ast.Call]] = {}
        for call in self.calls:
            found.setdefault(last_name(call.func), []).append(call)
        return found

    @cached_property
    def assigned(self) -> dict[str, list[ast.Assign]]:
        """The assignments to attributes and entries, by the text of the target, in the order of the file."""
        found: dict[str, list[ast.Assign]] = {}
        for node in sorted((n for n in ast.walk(self.tree) if isinstance(n, ast.Assign)), key=lambda n: n.lineno):
            for target in node.targets:
                if isinstance(target, ast.Attribute | ast.Subscript):
                    found.setdefault(ast.unparse(target), []).append(node)
        return found

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        """The classes in the file by name."""
        found: dict[str, ast.ClassDef] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, node)
        return found

    @cached_property
    def classes_below(self) -> dict[str, list[ast.ClassDef]]:
        """The classes in the file by the names of their bases."""
        found: dict[str, list[ast.ClassDef]] = {}
        for node in self.classes.values():
            for base in node.bases:
                found.setdefault(last_name(base), []).append(node)
        return found

    @cached_property
    def methods_named(self) -> dict[str, list[tuple[ast.ClassDef, Definition]]]:
        """The methods of all classes by name."""
        found: dict[str, list[tuple[ast.ClassDef, Definition]]] = {}
        for cls in (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)):
            for node in cls.body:
                if isinstance(node, Definition):
                    found.setdefault(node.name, []).append((cls, node))
        return found

    @cached_property
    def attributes_given(self) -> dict[str, list[ast.Assign]]:
        """The assignments to attributes of anything but ``self``, by the attribute's name."""
        found: dict[str, list[ast.Assign]] = {}
        for target, statements in self.assigned.items():
            owner, dot, name = target.rpartition(".")
            if dot and owner != "self" and name.isidentifier():
                found.setdefault(name, []).extend(statements)
        return found

    def ancestors(self, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Pairs of a node and its parent, from the node upwards."""
        while (parent := self.parents.get(node)) is not None:
            yield node, parent
            node = parent

    def frame_of(self, node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.Module:
        """The function whose body holds the node; defaults and decorators belong to the function outside."""
        for child, parent in self.ancestors(node):
            if isinstance(parent, Definition) and child in parent.body:
                return parent
        return self.tree

    def class_of(self, frame: ast.AST) -> ast.ClassDef | None:
        """The class whose body holds this function."""
        parent = self.parents.get(frame)
        return parent if isinstance(parent, ast.ClassDef) else None

    def statement_of(self, node: ast.AST | None) -> ast.stmt | None:
        """The innermost statement that holds the node."""
        while node is not None and not isinstance(node, ast.stmt):
            node = self.parents.get(node)
        return node

    def line_of(self, node: ast.AST | None) -> int:
        """First line of the innermost statement that holds the node; 0 where it stands in no file."""
        statement = self.statement_of(node)
        if isinstance(statement, Definition | ast.ClassDef) and node is not None:
            chain = [node, *(parent for _, parent in self.ancestors(node))]
            return next((part.lineno for part in statement.decorator_list if part in chain), statement.lineno)
        return statement.lineno if statement is not None else 0

    def qualname(self, frame: ast.AST) -> str:
        """A function's qualified name, as Python gives it."""
        if isinstance(frame, ast.Module):
            return "<module>"
        name = "<lambda>" if isinstance(frame, ast.Lambda) else getattr(frame, "name", "")
        for _, parent in self.ancestors(frame):
            if isinstance(parent, ast.ClassDef):
                name = f"{parent.name}.{name}"
            elif isinstance(parent, Definition | ast.Lambda):
                name = f"{getattr(parent, 'name', '<lambda>')}.<locals>.{name}"
        return name

    def frame_at(self, line: int) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.Module:
        """The innermost function that covers a line."""
        statement = self.source.statement(line)
        return self.frame_of(statement) if statement is not None else self.tree


class Codebase:
    """All files of the user's that are known."""

    def __init__(self, sources: Sources) -> None:
        names = list(sources._files)  # the only question that Sources has no public door for
        self._unknown: dict[str, Code] = {}
        self.codes = {name: Code(name, sources[name]) for name in names}

    def __getitem__(self, file: str) -> Code:
        return self.codes.get(file) or self._unknown.setdefault(file, Code(file, SourceFile("")))

    def all(self, first: str) -> list[Code]:
        """Every file, this one first."""
        return [self[first], *(code for name, code in self.codes.items() if name != first)]

    def class_named(self, name: str, file: str) -> tuple[str, ast.ClassDef] | None:
        """A class of this name, in this file if it has one."""
        for code in self.all(file):
            if name in code.classes:
                return code.name, code.classes[name]
        return None

    def module(self, dotted: str, beside: str) -> Code | None:
        """The file among those known that ``import dotted`` in the file ``beside`` would load."""
        tail = dotted.strip(".").replace(".", "/")
        ends = (f"{tail}.py", f"{tail}/__init__.py")
        fits = [
            name
            for name in self.codes
            if name != beside and tail and ("/" + name.replace("\\", "/")).endswith(tuple("/" + end for end in ends))
        ]
        return self.codes[min(fits, key=lambda name: (_distance(name, beside), len(name)))] if fits else None


def _distance(name: str, beside: str) -> int:
    """How far apart two files lie: folders of one that the other does not share."""
    ours, theirs = name.replace("\\", "/").split("/")[:-1], beside.replace("\\", "/").split("/")[:-1]
    shared = sum(1 for a, b in zip(ours, theirs, strict=False) if a == b)
    return len(ours) + len(theirs) - 2 * shared


def last_name(node: ast.AST) -> str:
    """The last part of a dotted name: ``nn.Linear`` is ``Linear``; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


_KNOWN: WeakKeyDictionary[Sources, Codebase] = WeakKeyDictionary()


def codebase(sources: Sources) -> Codebase:
    """The trees of these sources, made once."""
    if sources not in _KNOWN:
        _KNOWN[sources] = Codebase(sources)
    return _KNOWN[sources]

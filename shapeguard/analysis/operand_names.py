"""What the operands of a recorded op are called in the user's expression: ``logits`` and ``labels`` instead of ``input`` and ``target``."""

from __future__ import annotations

import ast

from shapeguard.values.recording import Row

_LONGEST = 48  # characters; a longer text says less than the role
_CALLED = frozenset({"module", "forward", "attention", "generate"})  # what is called has another name than its row
_LIBRARIES = frozenset({"torch", "F", "nn", "functional", "np", "math", "einops"})


def operand_texts(node: ast.expr | None, row: Row) -> dict[str, str]:
    """The texts of operands by their labels; those are left out of which it is not sure that they stand for them."""
    labels = [tensor.label for tensor in row.inputs]
    given: dict[str, ast.expr] = {}
    match node:
        case ast.BinOp(left=left, right=right) if set(labels) <= {"input", "other"}:
            given = {"input": left, "other": right}
        case ast.Compare(left=left, comparators=[right]) if set(labels) <= {"input", "other"}:
            given = {"input": left, "other": right}
        case ast.Call(func=func, args=args) if _is_call_of(func, row):
            positional = [arg for arg in args if not isinstance(arg, ast.Constant)]
            if isinstance(func, ast.Attribute) and row.kind not in _CALLED and not _is_library(func.value):
                positional = [func.value, *positional]
            if not any(isinstance(arg, ast.Starred) for arg in positional):
                given = dict(zip(labels, positional, strict=False))
            given.update({keyword.arg: keyword.value for keyword in node.keywords if keyword.arg in labels})
    texts = {label: ast.unparse(part) for label, part in given.items() if not isinstance(part, ast.Constant)}
    return {label: text for label, text in texts.items() if label in labels and len(text) <= _LONGEST}


def _is_call_of(func: ast.expr, row: Row) -> bool:
    """Whether a call is the row's own, and not one around it or inside it."""
    name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
    return row.kind in _CALLED or name.strip("_") == row.op.strip("_")


def _is_library(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in _LIBRARIES

"""Values of expressions in a frame, without running any of the user's code.

``pure_eval`` evaluates names, plain attributes, containers and arithmetic. Added here: what tensors and modules keep behind
descriptors (shapes, parameters, buffers, children), and results that were recorded when the very expression ran.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from pure_eval import CannotEval, Evaluator

Position = tuple[int, int, int, int]
_QUESTIONS = frozenset({"shape", "ndim", "dtype", "device"})


class FrameValues:
    """Evaluates expressions of one frame. ``torch`` is the module, or None when the program has not imported it."""

    def __init__(self, frame: FrameType, torch: Any) -> None:
        self._torch = torch
        self._evaluate = Evaluator.from_frame(frame)

    def __getitem__(self, node: ast.expr) -> Any:
        """The value of the expression.

        Raises:
            CannotEval: it cannot be known without running code.
        """
        try:
            return self._evaluate[node]
        except CannotEval:
            if isinstance(node, ast.Attribute):
                return self._attribute(self[node.value], node.attr)
            if isinstance(node, ast.Subscript):
                return self._item(self[node.value], self[node.slice])
            if isinstance(node, ast.Call):
                return self._question(node)
            if isinstance(node, ast.List | ast.Tuple):
                return [self[item] for item in node.elts]
            if isinstance(node, ast.BinOp):
                return self._arithmetic(node)
            raise

    def _attribute(self, owner: Any, name: str) -> Any:
        torch = self._torch
        if torch is not None:
            if isinstance(owner, torch.Tensor) and name in _QUESTIONS:
                return getattr(owner, name)
            if isinstance(owner, torch.nn.Module):
                for kept in ("_parameters", "_buffers", "_modules"):
                    values = vars(owner).get(kept) or {}
                    if name in values:
                        return values[name]
        found = vars(owner).get(name, CannotEval) if hasattr(owner, "__dict__") else CannotEval
        if found is CannotEval:
            raise CannotEval
        return found

    def _item(self, owner: Any, index: Any) -> Any:
        known = isinstance(owner, list | tuple) and isinstance(index, int)
        modules = self._torch is not None and isinstance(owner, self._torch.nn.ModuleList | self._torch.nn.Sequential)
        if modules and isinstance(index, int):
            return list(owner._modules.values())[index]
        if known and -len(owner) <= index < len(owner):
            return owner[index]
        raise CannotEval

    def _question(self, node: ast.Call) -> Any:
        """``x.size(1)``, ``x.dim()``, ``len(x)`` of a tensor."""
        torch = self._torch
        if torch is None or node.keywords:
            raise CannotEval
        if isinstance(node.func, ast.Name) and node.func.id == "len" and len(node.args) == 1:
            value = self[node.args[0]]
            if isinstance(value, torch.Tensor) and value.dim():
                return value.shape[0]
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("size", "dim"):
            value = self[node.func.value]
            index = [self[argument] for argument in node.args]
            if isinstance(value, torch.Tensor) and all(
                type(item) is int and -value.dim() <= item < value.dim() for item in index
            ):
                return getattr(value, node.func.attr)(*index)
        raise CannotEval

    def differ(self, node: ast.Compare) -> bool:
        """Whether the two sides of a comparison are known to be different numbers."""
        try:
            left, right = self[node.left], self[node.comparators[0]]
        except Exception:  # what is compared may be anything
            return False
        return type(left) is type(right) is int and left != right

    def arranged(self, node: ast.expr) -> Any:
        """What ``x.view(-1, x.size(-1)) / 2`` comes to, on the meta device: what follows from known tensors and numbers alone.

        Raises:
            CannotEval: it holds another call, or something that is not known.
        """
        torch = self._torch
        if torch is None:
            raise CannotEval
        with torch._C.DisableTorchFunction():
            made = self._meta(node)
        if not isinstance(made, torch.Tensor):
            raise CannotEval
        return made

    def part(self, node: ast.expr) -> Any:
        """A part of a known tensor, ``tags[t - 1]``, taken by numbers and slices alone: a view, nothing is copied.

        Raises:
            CannotEval: it is something else, or holds what is not known.
        """
        if self._torch is None or not isinstance(node, ast.Subscript):
            raise CannotEval
        owner, index = self[node.value], self._index(node.slice)
        items = index if isinstance(index, tuple) else (index,)
        if not isinstance(owner, self._torch.Tensor) or any(isinstance(item, self._torch.Tensor) for item in items):
            raise CannotEval
        with self._torch._C.DisableTorchFunction():
            return owner[index]

    def _meta(self, node: ast.expr) -> Any:
        torch = self._torch
        try:
            value = self[node]
        except CannotEval:
            return self._reckoned(node)
        if isinstance(value, torch.Tensor):
            return torch.empty_strided(value.size(), value.stride(), dtype=value.dtype, device="meta")
        if not _is_plain(value):
            raise CannotEval
        return value

    def _reckoned(self, node: ast.expr) -> Any:
        torch = self._torch
        match node:
            case ast.Call(func=ast.Attribute(value=owner, attr=name)) if name in _ARRANGING | _POINTWISE:
                given = [self._meta(argument) for argument in node.args]
                named = {keyword.arg: self._meta(keyword.value) for keyword in node.keywords if keyword.arg}
                if len(named) < len(node.keywords):
                    raise CannotEval
                return getattr(self._tensor(owner), name)(*given, **named)
            case ast.Call(func=ast.Attribute(value=owner, attr=name)) if _keeps_shape(name):
                return self._tensor(owner)
            case ast.Call(func=callee, args=[given]):
                return self._through_layer(self[callee], self._tensor(given))
            case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
                left, right = self._meta(node.left), self._meta(node.right)
                if not isinstance(left, torch.Tensor) and not isinstance(right, torch.Tensor):
                    raise CannotEval  # numbers alone are pure_eval's, which knows how large they may grow
                return _ARITHMETIC[type(op)](left, right)
            case ast.UnaryOp(op=ast.USub()):
                return -self._meta(node.operand)
            case ast.UnaryOp(op=ast.Invert()):
                return ~self._tensor(node.operand)
            case ast.Subscript(value=owner, slice=index):
                return self._tensor(owner)[self._index(index)]
        raise CannotEval

    def _through_layer(self, layer: Any, given: Any) -> Any:
        """What a layer of torch's own makes of a tensor, told by its sizes: it is not run, and nobody's hooks are."""
        nn = self._torch.nn
        if type(layer) is nn.Embedding:
            return given.new_empty((*given.shape, layer.embedding_dim), dtype=layer.weight.dtype)
        if type(layer) is nn.Linear and given.dim():
            return given.new_empty((*given.shape[:-1], layer.out_features))
        if type(layer) in (nn.LayerNorm, nn.Dropout, nn.Identity, nn.ReLU, nn.GELU, nn.Tanh):
            return given
        raise CannotEval

    def _tensor(self, node: ast.expr) -> Any:
        value = self._meta(node)
        if not isinstance(value, self._torch.Tensor):
            raise CannotEval
        return value

    def _index(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Tuple):
            return tuple(self._index(item) for item in node.elts)
        if isinstance(node, ast.Slice):
            return slice(
                *(self._meta(part) if part is not None else None for part in (node.lower, node.upper, node.step))
            )
        return self._meta(node)

    def _arithmetic(self, node: ast.BinOp) -> Any:
        left, right = self[node.left], self[node.right]
        if type(left) is not int or type(right) is not int:
            raise CannotEval
        operation = _OPERATIONS.get(type(node.op))
        if operation is None or (right == 0 and isinstance(node.op, ast.FloorDiv | ast.Mod)):
            raise CannotEval
        return operation(left, right)


_ARRANGING = frozenset(
    {"view", "reshape", "flatten", "unflatten", "transpose", "permute", "t", "unsqueeze", "squeeze", "expand", "contiguous",
     "swapaxes", "movedim", "float", "half", "double", "long", "detach"}
)  # fmt: skip


# They give every entry another value, or every row; what they are given beside a tensor is a number or a name of a dim.
_POINTWISE = frozenset(
    {"abs", "exp", "log", "sqrt", "rsqrt", "tanh", "sigmoid", "relu", "softmax", "log_softmax", "clamp", "neg", "pow", "clone",
     "add", "sub", "mul", "div", "bool", "int", "sum", "mean", "matmul", "bmm"}
)  # fmt: skip
_MOVING = frozenset(
    {"t_", "squeeze_", "unsqueeze_", "transpose_", "swapaxes_", "swapdims_", "resize_", "resize_as_", "set_"}
)
_CASTING = frozenset({"to", "type", "type_as", "cpu", "cuda"})  # another dtype or device, whatever they are told
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
}


def _keeps_shape(name: str) -> bool:
    """Whether a method works in place and leaves the tensor's shape as it is."""
    return name in _CASTING or (name.endswith("_") and not name.startswith("_") and name not in _MOVING)


def _is_plain(value: Any) -> bool:
    """Whether a value is a number, a size or a short list of them, or nothing."""
    if isinstance(value, list | tuple):
        return len(value) <= 8 and all(type(item) is int for item in value)
    return value is None or value is Ellipsis or type(value) in (int, float, bool)


_OPERATIONS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
}


def operand_nodes(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The operands of an expression or statement, with their position ("0", "1"), keyword, "self" for a method's object, "callee"."""
    match node:
        case ast.Call():
            yield "callee", node.func
            if isinstance(node.func, ast.Attribute):
                yield "self", node.func.value
            for index, argument in enumerate(node.args):
                yield str(index), argument.value if isinstance(argument, ast.Starred) else argument
            for keyword in node.keywords:
                yield keyword.arg or "**", keyword.value
        case ast.BinOp():
            yield "0", node.left
            yield "1", node.right
        case ast.AugAssign():
            yield "0", node.target
            yield "1", node.value
        case ast.Compare():
            yield "0", node.left
            for index, other in enumerate(node.comparators, start=1):
                yield str(index), other
        case ast.Subscript():
            yield "0", node.value
            yield "1", node.slice
            stored = getattr(node, "parent", None) if isinstance(node.ctx, ast.Store) else None
            if isinstance(stored, ast.Assign):
                yield "2", stored.value
        case ast.UnaryOp():
            yield "0", node.operand
        case ast.Attribute():
            yield "0", node.value
        case ast.Assign():
            for index, target in enumerate(node.targets):
                yield str(index), target
            yield "value", node.value


_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.FloorDiv: "floordiv", ast.Mod: "mod",
    ast.MatMult: "matmul", ast.Pow: "pow", ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor",
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge",
}  # fmt: skip


def operation_name(node: ast.AST) -> str:
    """What an expression does: the called function's name, the operator, "getitem", "setitem"."""
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name
        case ast.BinOp(op=operator):
            return _OPERATORS.get(type(operator), "")
        case ast.AugAssign(op=operator):
            return "i" + _OPERATORS.get(type(operator), "")
        case ast.Compare(ops=[operator, *_]):
            return _OPERATORS.get(type(operator), "")
        case ast.Subscript(ctx=ctx):
            return "setitem" if isinstance(ctx, ast.Store) else "getitem"
        case ast.Assign(targets=[ast.Subscript(), *_]):
            return "setitem"
        case ast.UnaryOp():
            return "neg" if isinstance(node.op, ast.USub) else "not"
    return ""

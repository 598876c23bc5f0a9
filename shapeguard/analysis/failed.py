"""The operation that failed: its call, its clash, and its operands by label."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from shapeguard.analysis.calls import call_of_frame, call_of_row, known_values
from shapeguard.analysis.layers import with_weight
from shapeguard.analysis.run import Run, per_run
from shapeguard.analysis.semantics import Call, Clash, clash, family, known
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Mismatch, OperandView
from shapeguard.values.recording import FrameInfo, NamedValue, Row, TensorArg

_OUTSIDE = re.compile(r"index (-?\d+) is out of bounds for dimension \d+ with size \d+")

_PARAMETERS = frozenset({"weight", "bias"})  # as a layer of torch's hands them to its kernel


class FailedOp(NamedTuple):
    """The innermost operation whose operands are known."""

    op: str
    call: Call
    clash: Clash | None
    operands: dict[str, NamedValue | TensorArg]
    expressions: dict[str, str]
    row: Row | None = None
    frame: FrameInfo | None = None

    def mismatch(self) -> Mismatch | None:
        """The clash as a finding tells it."""
        return mismatch_of(self.clash)

    def views(self, run: Run) -> tuple[OperandView, ...]:
        """The operands as a finding shows them, the clashing ones first."""
        first = [label for label in (self.clash.left, self.clash.right) if label in self.operands] if self.clash else []
        labels = dict.fromkeys([*first, *self.operands])
        weight = self._weight(run)
        return (*(self._view(run, label) for label in labels), *((weight,) if weight is not None else ()))

    def expression(self, run: Run, label: str) -> str:
        """The user's expression of an operand; "" where it has none."""
        return {view.label: view.expression for view in self.views(run)}.get(label, "")

    def _weight(self, run: Run) -> OperandView | None:
        """The weight of a failed layer, which its call does not tell, where the clash is with it."""
        shape = dict(self.call.tensors).get("weight")
        told = self.clash is not None and "weight" in (self.clash.left, self.clash.right)
        node = parsed_text(run.expression(self.row)) if self.row is not None and self.row.kind == "module" else None
        if not told or shape is None or "weight" in self.operands or not isinstance(node, ast.Call):
            return None
        view = run.tensor(TensorArg("weight", shape, shape), f"{ast.unparse(node.func)}.weight")
        return self._marked(view, "weight")

    def _view(self, run: Run, label: str) -> OperandView:
        value = self.operands[label]
        if isinstance(value, NamedValue):
            view = run.operand(value)
            own = view.expression.startswith("self.") or view.expression in _PARAMETERS
            named = _in_users_words(run, view.expression) if own else None
            return self._marked(msgspec.structs.replace(view, expression=named) if named else view, label)
        return self._marked(run.tensor(value, self.expressions.get(label, "")), label)

    def _marked(self, view: OperandView, label: str) -> OperandView:
        """The operand with the dimension of it that clashes, where the clash is one of single dimensions."""
        if self.clash is None or self.clash.kind not in ("dim", "divides"):
            return view
        dim = {self.clash.left: self.clash.left_dim, self.clash.right: self.clash.right_dim}.get(label)
        rank = len(view.shape or ())
        return view if dim is None or not rank else msgspec.structs.replace(view, clashing=dim % rank)


def _in_users_words(run: Run, expression: str) -> str | None:
    """What the user calls a parameter of a layer that failed inside of a library's code: ``net[4].weight`` for its ``self.weight``."""
    inner, user = run.inner_frame, run.user_frame
    if inner is None or user is None or inner.user or not inner.module:
        return None
    within = f"{user.module}." if user.module else ""
    if not inner.module.startswith(within):
        return None
    callee = next((value.expression for value in user.operands if value.label == "callee"), "")
    owner = "self" if user.owner is not None else callee
    path = inner.module.removeprefix(within)
    if not owner.isidentifier() or not path:
        return None
    steps = "".join(f"[{part}]" if part.isdecimal() else f".{part}" for part in path.split("."))
    return f"{owner}{steps}.{expression.removeprefix('self.')}"


def mismatch_of(found: Clash | None) -> Mismatch | None:
    """A clash as the report's mismatch."""
    return None if found is None else Mismatch(found.kind, found.sizes, found.dim)


@per_run
def failed_op(run: Run) -> FailedOp | None:
    """What failed: the recorded operation if one was, else the expression of the innermost frame that tells its operands.

    Operands are called by their expressions in the frame where the frame tells them.
    """
    candidates = list(_candidates(run))
    if candidates and run.failure is not None and "must be Tensor, not" in run.failure.exception.message:
        return candidates[0]._replace(clash=None)  # no size is wrong: what was given holds tensors, and is none
    return next((found for found in candidates if found.clash is not None), candidates[0] if candidates else None)


def _candidates(run: Run) -> Iterable[FailedOp]:
    for row in run.failed_rows:
        if row.kind in ("op", "concat", "module", "attention"):
            yield _from_row(run, row)
    yield from (loss for frame in reversed(run.frames) if (loss := _from_loss(frame)) is not None)
    for frame in reversed(run.frames):
        if frame.op and any(value.shape is not None for value in frame.operands) and known(frame.op):
            yield _from_frame(run, frame)
        if (inner := _from_layer(run, frame)) is not None:
            yield inner
        if frame.user:
            break


def _from_row(run: Run, row: Row) -> FailedOp:
    frame = _frame_of(run, row)
    call = with_weight(call_of_row(row, built=run.row(row.owner)))
    if frame is not None:
        call = msgspec.structs.replace(call, values=known_values(frame, row.inputs))
    named = _expressions(frame, row)
    operands: dict[str, NamedValue | TensorArg] = {tensor.label: _with_origin(frame, tensor) for tensor in row.inputs}
    return FailedOp(row.op, call, clash(row.op, call), operands, named, row, run.user_frame)


def _with_origin(frame: FrameInfo | None, tensor: TensorArg) -> TensorArg:
    """The operand, with the layer that it belongs to where the frame tells that: no event made it."""
    if tensor.origin is not None or frame is None:
        return tensor
    alike = [value for value in frame.operands if value.shape == tensor.last and value.origin is not None]
    return msgspec.structs.replace(tensor, origin=alike[0].origin) if len(alike) == 1 else tensor


def _frame_of(run: Run, row: Row) -> FrameInfo | None:
    """The frame that failed in the same operation as a row."""
    names = (row.op, f"__{row.op}__", row.op.rstrip("_"), f"safe_{row.op}", f"i{row.op.rstrip('_')}")
    return next((frame for frame in reversed(run.frames) if frame.op in names), None)


def _expressions(frame: FrameInfo | None, row: Row) -> dict[str, str]:
    """Names of a failed row's operands, as its frame tells them."""
    if frame is None:
        return {}
    by_label = {value.label: value.expression for value in frame.operands}
    by_shape = {value.shape: value.expression for value in frame.operands if value.shape is not None}
    return {tensor.label: by_label.get(tensor.label) or by_shape.get(tensor.last, "") for tensor in row.inputs}


def _from_layer(run: Run, frame: FrameInfo) -> FailedOp | None:
    """A library layer that failed in its own checks: its ``forward`` frame tells what it was given."""
    built = run.row(frame.owner)
    layer = built.op if built is not None else ""
    if frame.user or not frame.function.endswith(".forward") or built is None or not known(layer):
        return None
    given = [v for v in frame.locals if v.shape is not None and v.expression in ("input", "x", "query", "key", "value")]
    operands: dict[str, NamedValue | TensorArg] = {v.expression: v for v in given}
    call = with_weight(Call(layer, [(v.expression, v.shape or ()) for v in given], dict(built.args)))
    return FailedOp(layer, call, clash(layer, call), operands, {}, None, frame) if given else None


def _from_loss(frame: FrameInfo) -> FailedOp | None:
    """A loss of torch's own that failed on the way to its kernel, when it broadcast what it compares."""
    named = [value for value in frame.locals if value.expression in ("input", "target") and value.shape is not None]
    if frame.user or family(frame.function) != "loss" or len(named) != 2:
        return None
    call = Call(frame.function, [(value.expression, value.shape or ()) for value in named], {})
    operands: dict[str, NamedValue | TensorArg] = {value.expression: value for value in named}
    return FailedOp(frame.function, call, clash(frame.function, call), operands, {}, None, frame)


def _from_frame(run: Run, frame: FrameInfo) -> FailedOp:
    call = call_of_frame(frame)
    said = _OUTSIDE.search(run.failure.exception.message) if run.failure is not None else None
    if said is not None and frame.op == "getitem" and "index_max" not in call.values:
        # An index that was reckoned in the brackets: only the exception has seen it.
        call = msgspec.structs.replace(
            call, values={**call.values, "index_min": int(said[1]), "index_max": int(said[1])}
        )
    operands: dict[str, NamedValue | TensorArg] = {v.label: v for v in frame.operands if v.shape is not None}
    return FailedOp(frame.op, call, clash(frame.op, call), operands, {}, None, frame)

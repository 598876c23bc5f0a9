"""Calls of libraries, where a climb ends: what their keywords, their texts and their options say."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from shapeguard.analysis.climbing import fields, names, objects, texts
from shapeguard.analysis.climbing.arguments import field_argument
from shapeguard.analysis.climbing.code import last_name
from shapeguard.analysis.climbing.parts import project
from shapeguard.analysis.climbing.returns import returned
from shapeguard.analysis.climbing.scopes import EACH, VALUE, Hop, Scope, Want, arguments_of

if TYPE_CHECKING:
    from shapeguard.analysis.climbing.climber import Climber

MAX_PARTS = 8
# Names of positional parameters that carry sizes, by the last part of the constructor's name.
_POSITIONS = {
    ("Linear",): ["in_features", "out_features"],
    ("Bilinear",): ["in1_features", "in2_features", "out_features"],
    ("Embedding", "EmbeddingBag"): ["num_embeddings", "embedding_dim"],
    ("Conv1d", "Conv2d", "Conv3d"): ["in_channels", "out_channels", "kernel_size", "stride", "padding"],
    ("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"): ["in_channels", "out_channels", "kernel_size"],
    ("RNN", "GRU", "LSTM", "RNNCell", "GRUCell", "LSTMCell"): ["input_size", "hidden_size", "num_layers"],
    ("MultiheadAttention",): ["embed_dim", "num_heads"],
    ("LayerNorm",): ["normalized_shape"],
    ("GroupNorm",): ["num_groups", "num_channels"],
    ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d"): ["num_features"],
    ("DataLoader",): ["dataset", "batch_size"],
}
POSITIONS = {name: places for names, places in _POSITIONS.items() for name in names}
_CONTAINERS = ("ModuleList", "Sequential", "ParameterList", "OrderedDict", "ModuleDict", "deque", "chain")
# Their ints say which dimension, not how large one is.
_NO_SIZES = ("dim", "axis", "generator", "device", "dtype", "requires_grad", "out")
_OF_DIMS = ("squeeze", "unsqueeze",
            "transpose", "permute", "movedim", "softmax", "log_softmax", "mean", "sum", "argmax",
            "unbind", "flatten", "select", "index_select", "gather", "cumsum", "any", "all", "norm")  # fmt: skip
_WRAPPERS = ("cuda", "to", "eval", "train", "cpu", "half", "float", "double", "bfloat16", "requires_grad_", "compile")


def hops(climber: Climber, want: Want, node: ast.Call, whole: bool) -> list[Hop]:
    """The hops from a call that enters no function of the user's."""
    if _is_environment(node):
        return _environment(climber, want, node)
    if want.path:
        return _part(climber, want, node)
    if whole:
        return []
    call = Hop(climber.spot(node, want.scope, "call"), None)
    return [call, *_ints(climber, want, node)]


def _ints(climber: Climber, want: Want, node: ast.Call) -> list[Hop]:
    """The arguments of a library call that can carry ints."""
    spot = climber.spot(node, want.scope, "call")
    given: list[ast.expr] = []
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call):
        given.append(node.func.value)  # torch.arange(n).unsqueeze(0)
    if last_name(node.func) not in _OF_DIMS:
        given += [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg not in _NO_SIZES)]
    ints = [arg for arg in given if _may_carry_ints(climber, arg, want.scope)]
    return [Hop(spot, Want(arg, want.scope, operand=True)) for arg in ints[:MAX_PARTS]]


def _may_carry_ints(climber: Climber, node: ast.expr, scope: Scope) -> bool:
    """Whether an argument may hold ints: no text, no float, no ``torch.long``."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int) and not isinstance(node.value, bool)
    root: ast.expr = node
    while isinstance(root, ast.Attribute):
        root = root.value
    if isinstance(root, ast.Name):
        return not names.is_library(climber, root, scope)
    return not isinstance(node, ast.Lambda | ast.JoinedStr)


def _part(climber: Climber, want: Want, node: ast.Call) -> list[Hop]:
    """A part of what a library's call gives: a keyword, an option, an entry of a text it was given, an element."""
    first, rest = want.path[0], want.path[1:]
    name = last_name(node.func)
    if name == "parse_args" and isinstance(first, str):
        typed = _typed(climber, want, node, first)
        if typed is not None:
            return [typed]
        return _options(climber, want, first)
    if name == "parse_known_args" and first == 0 and rest and isinstance(rest[0], str):
        return _options(climber, want, rest[0])
    if name in _WRAPPERS and isinstance(node.func, ast.Attribute):
        return [climber.on(want, node.func.value)]
    if not isinstance(first, str):
        return _element(climber, want, node)
    places = POSITIONS.get(name, ["config"] if first == "config" else [])
    hit = field_argument(places, arguments_of(node, want.scope), first, rest)
    changed = _changed(node)
    kept = [climber.on(want, changed)] if changed is not None else []
    if hit is not None:
        spot = climber.spot(hit.given.node, hit.given.scope, "entry")
        told = Hop(spot, Want(hit.given.node, hit.given.scope, hit.path, want.value))
        return [told, *kept] if any(keyword.arg is None for keyword in node.keywords) else [told]
    if kept:
        return kept
    return text_entries(climber, want, node) or fields.from_outside(climber, want, want.scope.file, first)


def _changed(node: ast.Call) -> ast.expr | None:
    """The object of which a call gives a copy with some fields changed: ``dataclasses.replace(config, **changes)``."""
    match node:
        case ast.Call(func=ast.Name(id="replace" | "evolve") | ast.Attribute(attr="evolve"), args=[changed, *_]):
            return changed
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="dataclasses" | "copy"), attr="replace"), args=[changed, *_]
        ):
            return changed
        case ast.Call(func=ast.Attribute(value=changed, attr="_replace")):
            return changed
    return None


def _element(climber: Climber, want: Want, node: ast.Call) -> list[Hop]:
    """An element of a container that a library builds from its arguments."""
    if last_name(node.func) == "DataLoader":
        return _batches(climber, want, node)
    if last_name(node.func) not in _CONTAINERS or not node.args:
        return []
    first, rest = want.path[0], want.path[1:]
    only = node.args[0]
    if last_name(node.func) not in ("Sequential", "chain") and len(node.args) == 1:
        return [climber.on(want, only)]
    as_list = ast.List(list(node.args), ast.Load())
    if last_name(node.func) == "chain":
        return [Hop(None, replace(want, node=arg)) for arg in node.args]
    return project(climber, replace(want, node=as_list, path=(EACH if first is VALUE else first, *rest)))


def _batches(climber: Climber, want: Want, node: ast.Call) -> list[Hop]:
    """A batch of a DataLoader: what its collate function returns, or an item of its dataset."""
    collate = texts.keyword(node, "collate_fn")
    if collate is not None:
        called = ast.Call(collate, [], [])
        entered = objects.callees(climber, called, want.scope)
        return [hop for one in entered if one.frame is not None for hop in _returned(climber, want, one)]
    dataset = node.args[0] if node.args else texts.keyword(node, "dataset")
    return [climber.on(want, dataset)] if dataset is not None else []


def _returned(climber: Climber, want: Want, callee: objects.Callee) -> list[Hop]:
    assert callee.frame is not None
    scope = Scope(callee.file, callee.frame, call=callee.call, this=callee.this)
    return returned(climber, callee.frame, scope, want.path[1:], want.value)


def text_entries(climber: Climber, want: Want, node: ast.Call) -> list[Hop]:
    """The entry in a text or a dict that is an argument of the call: ``yaml.safe_load(TEXT)``, ``from_dict(d)``."""
    found: list[Hop] = []
    for arg in [*node.args, *(keyword.value for keyword in node.keywords)]:
        for end in climber.things(arg, want.scope):
            if isinstance(end.node, ast.Constant | ast.Dict):
                found += project(climber, replace(end, path=want.path, value=want.value))
    return found


def _typed(climber: Climber, want: Want, node: ast.Call, name: str) -> Hop | None:
    """The value of an option in a list of arguments that stands in the code: ``parse_args(["--width", "7"])``."""
    flag = "--" + name.replace("_", "-")
    for end in climber.things(node.args[0], want.scope) if node.args else ():
        items = end.node.elts if isinstance(end.node, ast.List | ast.Tuple) else []
        for item, following in zip(items, [*items[1:], None], strict=False):
            text = item.value if isinstance(item, ast.Constant) else ""
            if isinstance(text, str) and text.partition("=")[0].replace("_", "-") == flag:
                value = following if "=" not in text else item
                return Hop(climber.spot(value or item, end.scope, "option"), None)
    return None


def _options(climber: Climber, want: Want, name: str) -> list[Hop]:
    """The declaration of a command line option, and its default."""
    found: list[Hop] = []
    for code, call in texts.options(climber.base.all(want.scope.file), name):
        scope = climber.scope_of(code.name, code.frame_of(call))
        value = texts.keyword(call, "default")
        rest = Want(value, scope, value=want.value) if value is not None else None
        found.append(Hop(climber.spot(call, scope, "option"), rest))
    return found


def _is_environment(node: ast.Call) -> bool:
    """``os.environ.get(...)`` or ``os.getenv(...)``."""
    func = node.func
    asked = isinstance(func, ast.Attribute) and func.attr == "get" and last_name(func.value) == "environ"
    return asked or last_name(func) == "getenv"


def _environment(climber: Climber, want: Want, node: ast.Call) -> list[Hop]:
    spot = climber.spot(node, want.scope, "option")
    if len(node.args) < 2:
        return [Hop(spot, None)]
    return [Hop(spot, Want(node.args[1], want.scope, value=want.value))]

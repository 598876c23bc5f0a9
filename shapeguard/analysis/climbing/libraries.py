"""Calls of libraries, where a climb ends: what their keywords, their texts and their options say."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from shapeguard.analysis.climbing import texts
from shapeguard.analysis.climbing.arguments import field_argument
from shapeguard.analysis.climbing.code import last_name
from shapeguard.analysis.climbing.parts import project
from shapeguard.analysis.climbing.scopes import EACH, VALUE, Hop, Want, arguments_of

if TYPE_CHECKING:
    from shapeguard.analysis.climbing.climber import Climber

MAX_PARTS = 8
# Names of positional parameters that carry sizes, by the last part of the constructor's name.
POSITIONS = {
    "Linear": ["in_features", "out_features"],
    "Bilinear": ["in1_features", "in2_features", "out_features"],
    "Embedding": ["num_embeddings", "embedding_dim"],
    "EmbeddingBag": ["num_embeddings", "embedding_dim"],
    **dict.fromkeys(
        ("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"),
        ["in_channels", "out_channels", "kernel_size", "stride", "padding"],
    ),
    **dict.fromkeys(
        ("RNN", "GRU", "LSTM", "RNNCell", "GRUCell", "LSTMCell"), ["input_size", "hidden_size", "num_layers"]
    ),
    "MultiheadAttention": ["embed_dim", "num_heads"],
    "LayerNorm": ["normalized_shape"],
    "GroupNorm": ["num_groups", "num_channels"],
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d"), ["num_features"]),
    "DataLoader": ["dataset", "batch_size"],
}
_CONTAINERS = ("ModuleList", "Sequential", "ParameterList", "OrderedDict", "ModuleDict", "deque", "chain")
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
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    ints = [arg for arg in given if not isinstance(arg, ast.Lambda | ast.JoinedStr) and not _is_plain_text(arg)]
    return [Hop(spot, Want(arg, want.scope, operand=True)) for arg in ints[:MAX_PARTS]]


def _is_plain_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and not isinstance(node.value, int)


def _part(climber: Climber, want: Want, node: ast.Call) -> list[Hop]:
    """A part of what a library's call gives: a keyword, an option, an entry of a text it was given, an element."""
    first, rest = want.path[0], want.path[1:]
    name = last_name(node.func)
    if name == "parse_args" and isinstance(first, str):
        return _options(climber, want, first)
    if name == "parse_known_args" and first == 0 and rest and isinstance(rest[0], str):
        return _options(climber, want, rest[0])
    if name in _WRAPPERS and isinstance(node.func, ast.Attribute):
        return [climber.on(want, node.func.value)]
    if not isinstance(first, str):
        return _element(climber, want, node)
    places = POSITIONS.get(name, ["config"] if first == "config" else [])
    hit = field_argument(places, arguments_of(node, want.scope), first, rest)
    if hit is not None:
        spot = climber.spot(hit.given.node, hit.given.scope, "entry")
        return [Hop(spot, Want(hit.given.node, hit.given.scope, hit.path, want.value))]
    return text_entries(climber, want, node)


def _element(climber: Climber, want: Want, node: ast.Call) -> list[Hop]:
    """An element of a container that a library builds from its arguments."""
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


def text_entries(climber: Climber, want: Want, node: ast.Call) -> list[Hop]:
    """The entry in a text or a dict that is an argument of the call: ``yaml.safe_load(TEXT)``, ``from_dict(d)``."""
    found: list[Hop] = []
    for arg in [*node.args, *(keyword.value for keyword in node.keywords)]:
        for end in climber.things(arg, want.scope):
            if isinstance(end.node, ast.Constant | ast.Dict):
                found += project(climber, replace(end, path=want.path, value=want.value))
    return found


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

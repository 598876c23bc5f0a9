"""Layers, losses, attention and subscripts: refused exactly where torch refuses them, with the same result shape.

They run on the CPU: the meta device skips many of their checks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from shapeguard.analysis.semantics import Call
from shapeguard.values.shapes import Shape
from tests.analysis.semantics.sampling import Sampled, Sampler, put_to_torch, sampled, tensor

Make = Callable[[Sampler], Sampled]
LENGTHS = (1, 2, 5, 6, 9)


def _conv(dims: int) -> Make:
    def make(s: Sampler) -> Sampled:
        groups = s.choice((1, 1, 2))
        channels = s.choice((2, 4))
        given = s.near((2, channels, *(s.choice(LENGTHS) for _ in range(dims))), LENGTHS)
        weight = (s.choice((2, 4, 3)), channels // groups, *(s.choice((1, 2, 3)) for _ in range(dims)))
        tensors: list[tuple[str, Shape]] = [("input", given), ("weight", weight)]
        if s.maybe():
            tensors.append(("bias", (weight[0] if s.maybe(0.8) else 5,)))
        args: dict[str, Any] = {"stride": s.choice((1, 2)), "dilation": s.choice((1, 2)), "groups": groups}
        args["padding"] = "same" if args["stride"] == 1 and s.maybe(0.1) else s.choice((0, 1, (1,) * dims))
        return sampled(f"conv{dims}d", getattr(F, f"conv{dims}d"), tensors, args)

    return make


def _conv_transpose(s: Sampler) -> Sampled:
    groups, channels = s.choice((1, 2)), s.choice((2, 4))
    given = s.near((2, channels, s.choice(LENGTHS), s.choice(LENGTHS)), LENGTHS)
    weight = (channels, s.choice((1, 2)), 3, s.choice((3, 4)))
    tensors = [("input", given), ("weight", weight)]
    args = {"stride": 2, "padding": s.choice((0, 1)), "output_padding": s.choice((0, 1)), "groups": groups}
    return sampled("conv_transpose2d", F.conv_transpose2d, tensors, args)


def _pool(op: str, dims: int) -> Make:
    def make(s: Sampler) -> Sampled:
        given = s.near((2, 3, *(s.choice(LENGTHS) for _ in range(dims))), LENGTHS)
        kernel = s.choice((2, 3))
        args: dict[str, Any] = {"kernel_size": kernel, "padding": s.choice((0, kernel // 2)), "ceil_mode": s.maybe()}
        if s.maybe():
            args["stride"] = s.choice((1, 2, 3))
        return sampled(op, getattr(F, op), [("input", given)], args)

    return make


def _adaptive(s: Sampler) -> Sampled:
    size = s.choice(((2, 3), (1, 2), 4))
    return sampled("adaptive_avg_pool2d", F.adaptive_avg_pool2d, [("input", s.near((2, 3, 5, 6)))], output_size=size)


def _pad(s: Sampler) -> Sampled:
    pads = [s.randint(-2, 2) for _ in range(s.choice((2, 4)))]
    return sampled("pad", F.pad, [("input", s.shape(1, 3, (1, 2, 3)))], pad=pads)


def _pixel_shuffle(s: Sampler) -> Sampled:
    return sampled("pixel_shuffle", F.pixel_shuffle, [("input", s.near((2, s.choice((4, 8)), 3, 2)))], upscale_factor=2)


def _batch_norm(s: Sampler) -> Sampled:
    channels = s.choice((2, 3))
    given = s.near((s.choice((1, 2)), channels, 4)[: s.choice((2, 3))])
    names = ("running_mean", "running_var", "weight", "bias")
    tensors = [("input", given), *((name, (channels if s.maybe(0.9) else 4,)) for name in names)]
    training = s.maybe()
    call = Call("batch_norm", tensors, {"training": training})
    named: dict[str, Any] = {label: tensor(shape) for label, shape in tensors}
    return call, lambda: F.batch_norm(**named, training=training)


def _layer_norm(s: Sampler) -> Sampled:
    shape = list(s.shape(1, 2))
    given = s.near((2, *shape))
    tensors = [("input", given)]
    if s.maybe(0.3):
        tensors.append(("weight", s.near(tuple(shape))))
    call = Call("layer_norm", tensors, {"normalized_shape": shape})
    weights: Any = [tensor(size) for _, size in tensors[1:]]
    return call, lambda: F.layer_norm(tensor(given), shape, *weights)


def _group_norm(s: Sampler) -> Sampled:
    channels, groups = s.choice((2, 4, 6)), s.choice((1, 2, 3))
    given = s.near((2, channels, 3))
    tensors = [("input", given)] + ([("weight", (channels,))] if s.maybe() else [])
    call = Call("group_norm", tensors, {"num_groups": groups})
    weights: Any = [tensor(size) for _, size in tensors[1:]]
    return call, lambda: F.group_norm(tensor(given), groups, *weights)


def _rnn(kind: str) -> Make:
    def make(s: Sampler) -> Sampled:
        args = {"input_size": 3, "hidden_size": 4, "num_layers": s.choice((1, 2))}
        args |= {"batch_first": s.maybe(), "bidirectional": s.maybe()}
        given = s.near((2, 5, 3)[s.choice((0, 0, 1)) :], (1, 2, 3, 5))
        batch = given[0 if args["batch_first"] else 1] if len(given) == 3 else None
        layers = args["num_layers"] * (1 + args["bidirectional"])
        state = (layers, 4) if batch is None else (layers, batch, 4)
        count = s.choice((0, 2 if kind == "LSTM" else 1))
        states = [s.near(state, (1, 2, 4)) for _ in range(count)]
        names = ["hx[0]", "hx[1]"] if kind == "LSTM" else ["hx"]
        call = Call(kind, [("input", given), *zip(names, states, strict=False)], args)
        layer = getattr(nn, kind)(**args)

        def run() -> Any:
            hidden = tuple(tensor(shape) for shape in states)
            return layer(tensor(given), (hidden if kind == "LSTM" else hidden[0]) if hidden else None)

        return call, run

    return make


def _cell(kind: str) -> Make:
    def make(s: Sampler) -> Sampled:
        given = s.near((2, 3)[s.choice((0, 0, 1)) :])
        count = 2 if kind == "LSTMCell" else 1
        states = [s.near((*given[:-1], 4) if given else (4,)) for _ in range(count)]
        if len(given) == 1:  # torch adds a state of two dims to an input of one as it comes
            states = [(s.choice((3, 4)),)] * count
        tensors = [("input", given), *((f"hx[{n}]", shape) for n, shape in enumerate(states))]
        layer = getattr(nn, kind)(3, 4)

        def run() -> Any:
            hidden = tuple(tensor(shape) for shape in states)
            return layer(tensor(given), hidden if kind == "LSTMCell" else hidden[0])

        return Call(kind, tensors, {"input_size": 3, "hidden_size": 4}), run

    return make


def _cross_entropy(op: str) -> Make:
    def make(s: Sampler) -> Sampled:
        given = s.shape(1, 4, (2, 3))
        target = s.near((given[:1] + given[2:]) if len(given) > 1 else ())
        weight = (given[0 if len(given) == 1 else 1] if s.maybe(0.8) else 5,) if s.maybe(0.3) else None
        reduction = s.choice(("mean", "none"))
        tensors = [("input", given), ("target", target), *([("weight", weight)] if weight else [])]
        dtype = torch.float32 if op == "cross_entropy" and given == target else torch.int64

        def run() -> Any:
            extra = tensor(weight) if weight else None
            return getattr(F, op)(tensor(given), tensor(target, dtype), extra, reduction=reduction)

        return Call(op, tensors, {"reduction": reduction}), run

    return make


def _pair(op: str, *weights: str) -> Make:
    def make(s: Sampler) -> Sampled:
        given = s.shape(0, 3)
        tensors = [("input", given), ("target", s.near(given))]
        tensors += [(name, s.near(given)) for name in weights if s.maybe(0.3)]
        reduction = s.choice(("mean", "none"))

        def run() -> Any:
            named = {label: tensor(shape) for label, shape in tensors}
            return getattr(F, op)(named.pop("input"), named.pop("target"), **named, reduction=reduction)

        return Call(op, tensors, {"reduction": reduction}), run

    return make


def _ctc(s: Sampler) -> Sampled:
    rows = s.choice((1, 2, 3))
    reduction = s.choice(("mean", "none"))
    rows_of = [rows if s.maybe(0.8) else s.choice((1, 2, 3)) for _ in range(3)]
    shapes: list[tuple[str, Shape]] = [
        ("log_probs", (4, rows, 3)),
        ("targets", (rows_of[0], 2)),
        ("input_lengths", (rows_of[1],)),
        ("target_lengths", (rows_of[2],)),
    ]

    def run() -> Any:
        scores, targets, given, wanted = (shape for _, shape in shapes)
        numbers = (torch.ones(targets).long(), torch.full(given, 4), torch.ones(wanted).long())
        return F.ctc_loss(tensor(scores), *numbers, reduction=reduction)

    return Call("ctc_loss", shapes, {"reduction": reduction}), run


def _cosine(s: Sampler) -> Sampled:
    shape = s.shape(1, 3)
    tensors = [("x1", shape), ("x2", s.near(shape))]
    return sampled("cosine_similarity", F.cosine_similarity, tensors, dim=s.dim(len(shape)))


def _sdpa(s: Sampler) -> Sampled:
    leads: tuple[Shape, ...] = ((2, 4), (2, 4), (3,), ())
    lead, query, keys, width = s.choice(leads), s.choice((1, 3)), s.choice((2, 3)), 2
    grouped = len(lead) == 2 and s.maybe(0.4)
    kv = (lead[0], s.choice((1, 2, 4, 3))) if grouped else lead
    key = s.near((*kv, keys, width))
    value = key if s.maybe() else (*key[:-1], 3)  # torch's fast path does not look whether keys and values are as many
    tensors: list[tuple[str, Shape]] = [("query", s.near((*lead, query, width))), ("key", key), ("value", value)]
    if s.maybe():
        tensors.append(("attn_mask", s.near(s.choice(((*lead, query, keys), (query, keys), (1, 1, query, keys))))))
    if len(tensors) > 3 and len(tensors[3][1]) < 2:  # one path of torch's takes such a mask, another does not
        del tensors[3]
    args: dict[str, Any] = {"enable_gqa": True} if grouped else {}

    def run() -> Any:
        named: dict[str, Any] = {label: tensor(shape) for label, shape in tensors}
        return F.scaled_dot_product_attention(**named, **args)

    return Call("scaled_dot_product_attention", tensors, args), run


def _multihead(s: Sampler) -> Sampled:
    layer = nn.MultiheadAttention(4, 2, batch_first=s.maybe())
    batch, query, keys = s.choice((1, 3)), s.choice((2, 3)), s.choice((2, 4))
    plain = s.maybe(0.2)

    def laid(length: int) -> Shape:
        return (length, 4) if plain else (batch, length, 4) if layer.batch_first else (length, batch, 4)

    memory = s.near(laid(keys)) if s.maybe(0.6) else laid(keys)
    tensors = [("query", laid(query)), ("key", memory), ("value", memory)]
    if s.maybe():
        tensors.append(("attn_mask", s.near(s.choice(((query, keys), ((1 if plain else batch) * 2, query, keys))))))
    if s.maybe():
        tensors.append(("key_padding_mask", s.near((keys,) if plain else (batch, keys))))

    def run() -> Any:
        named = {label: tensor(shape, torch.bool if "mask" in label else torch.float32) for label, shape in tensors}
        return layer(**named)

    args = {"num_heads": 2, "embed_dim": 4, "batch_first": layer.batch_first}
    return Call("MultiheadAttention", tensors, args), run


def _index_items(s: Sampler, shape: Shape) -> tuple[list[str], list[Any]]:
    """A random index in words and in torch."""
    words: list[str] = []
    index: list[Any] = []
    for size in shape[: s.randint(0, len(shape))]:
        kind = s.choice(("int", "slice", "slice", "index", "mask", "none", "ellipsis"))
        if kind == "int":
            at = s.choice((0, -1, 2))
            words, index = [*words, f"int:{at}"], [*index, at]
        elif kind == "slice":
            start, stop, step = s.choice((None, 1, -2)), s.choice((None, 2, -1)), s.choice((None, 1, 2))
            text = ":".join("" if part is None else str(part) for part in (start, stop, step))
            words, index = [*words, f"slice:{text}"], [*index, slice(start, stop, step)]
        elif kind == "index":
            dims = s.choice(((2,), (2,), (3,), (2, 1), ()))
            words, index = [*words, f"index:{dims}"], [*index, tensor(dims, torch.int64)]
        elif kind == "mask":
            length = size if s.maybe(0.8) else size + 1
            words, index = [*words, f"mask:({length},)"], [*index, torch.ones(length, dtype=torch.bool)]
        elif kind == "none":
            words, index = [*words, "none"], [*index, None]
        elif "ellipsis" not in words:
            words, index = [*words, "ellipsis"], [*index, Ellipsis]
    return words, index


def _mask_counts(words: list[str]) -> dict[str, int]:
    """All masks of a sample are all true: their count is their length."""
    lengths = [int(word[6:-2]) for word in words if word.startswith("mask")]
    return {"mask_count": lengths[0]} if len(set(lengths)) == 1 else {}


def _getitem(s: Sampler) -> Sampled:
    shape = s.shape(1, 4, (1, 2, 3))
    words, index = _index_items(s, shape)
    if s.maybe(0.1):
        words, index = [*words, *["int:0"] * 3], [*index, 0, 0, 0]
    tensors = [("input", shape), *_tensor_items(words)]
    values = _mask_counts(words)
    if not values and any(word.startswith("mask") for word in words):
        return _getitem(s)  # two masks of different counts: more than the values can say
    return Call("getitem", tensors, {"index": words}, values), lambda: tensor(shape)[tuple(index)]


def _tensor_items(words: list[str]) -> list[tuple[str, Shape]]:
    shapes = [word.split(":")[1] for word in words if word.startswith(("index", "mask"))]
    return [
        (f"index[{n}]", tuple(int(p) for p in text.strip("()").split(",") if p.strip()))
        for n, text in enumerate(shapes)
    ]


def _setitem(s: Sampler) -> Sampled:
    shape = s.shape(1, 3, (2, 3))
    words: list[str] = ["slice:1::"]
    index: list[Any] = [slice(1, None)]
    if len(shape) > 1 and s.maybe():
        words, index = [*words, "int:0"], [*index, 0]
    target = tensor(shape)[tuple(index)].shape
    value = s.near((1, *target) if s.maybe(0.2) else tuple(target))
    call = Call("setitem", [("input", shape), ("value", value)], {"index": words})
    return call, lambda: tensor(shape).__setitem__(tuple(index), tensor(value))


def _masked_scatter(s: Sampler) -> Sampled:
    shape = s.shape(1, 3, (1, 2, 3))
    mask, source = s.near(shape), s.shape(1, 2)
    true = tensor(mask).numel()
    call = Call("masked_scatter", [("input", shape), ("mask", mask), ("source", source)], {}, {"mask_count": true})
    return call, lambda: tensor(shape).masked_scatter(torch.ones(mask, dtype=torch.bool), tensor(source))


def _embedding(s: Sampler) -> Sampled:
    ids, rows, high = s.shape(0, 2), s.choice((2, 4)), s.choice((0, 1, 3))
    call = Call("embedding", [("input", ids), ("weight", (rows, 3))], {}, {"index_max": high, "index_min": high})
    return call, lambda: F.embedding(torch.full(ids, high), tensor((rows, 3)))


CASES: dict[str, Make] = {
    **{f"conv{dims}d": _conv(dims) for dims in (1, 2, 3)},
    "conv_transpose2d": _conv_transpose,
    **{f"{kind}_pool{dims}d": _pool(f"{kind}_pool{dims}d", dims) for kind in ("max", "avg") for dims in (1, 2, 3)},
    "adaptive_avg_pool2d": _adaptive,
    "pad": _pad,
    "pixel_shuffle": _pixel_shuffle,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    **{kind: _rnn(kind) for kind in ("RNN", "GRU", "LSTM")},
    **{kind: _cell(kind) for kind in ("RNNCell", "GRUCell", "LSTMCell")},
    "cross_entropy": _cross_entropy("cross_entropy"),
    "nll_loss": _cross_entropy("nll_loss"),
    **{op: _pair(op) for op in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div")},
    "binary_cross_entropy": _pair("binary_cross_entropy", "weight"),
    "binary_cross_entropy_with_logits": _pair("binary_cross_entropy_with_logits", "weight", "pos_weight"),
    "ctc_loss": _ctc,
    "cosine_similarity": _cosine,
    "scaled_dot_product_attention": _sdpa,
    "MultiheadAttention": _multihead,
    "getitem": _getitem,
    "setitem": _setitem,
    "masked_scatter": _masked_scatter,
    "embedding": _embedding,
}


@pytest.mark.parametrize("op", CASES)
@pytest.mark.filterwarnings("ignore")
def test_refuses_what_torch_refuses(op: str) -> None:
    put_to_torch(CASES[op], op, "cpu", count=200)

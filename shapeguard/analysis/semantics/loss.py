"""Losses: a prediction against its target. The result is a number, or has the target's shape with reduction "none"."""

from __future__ import annotations

from shapeguard.analysis.semantics.axes import (
    Axes,
    Operand,
    Side,
    broadcast,
    broadcast_into,
    must_equal,
    must_have_rank,
    product,
    refuse,
    same_shape,
    wrap,
)
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound

CLASS_LOSSES = frozenset({"cross_entropy", "CrossEntropyLoss", "nll_loss", "NLLLoss"})  # they take scores and classes
_CLASSES = "input target weight ignore_index= reduction="
_ROLES = ["batch"]
_BROADCASTING = """
mse_loss MSELoss l1_loss L1Loss smooth_l1_loss SmoothL1Loss huber_loss HuberLoss kl_div KLDivLoss
poisson_nll_loss PoissonNLLLoss soft_margin_loss SoftMarginLoss
"""


@register("cross_entropy", "cross_entropy_loss", "CrossEntropyLoss", params=_CLASSES)
def cross_entropy(call: Bound) -> Axes:
    """Targets of the input's own shape are class probabilities, else class indices."""
    given, target = call.tensor("input"), call.tensor("target")
    if given.shape != target.shape or not given.rank:
        return _classes(call)
    dim = 0 if given.rank == 1 else 1
    _weight_fits(call, given, dim)
    return _reduced(call, [axis for place, axis in enumerate(given.axes) if place != dim])


@register("nll_loss", "nll_loss_nd", "NLLLoss", "nll_loss2d", params=_CLASSES)
def nll_loss(call: Bound) -> Axes:
    return _classes(call)


def _classes(call: Bound) -> Axes:
    """Scores (batch, classes, d1, ...) with class indices (batch, d1, ...), or (classes,) with one number."""
    given, target = call.tensor("input"), call.tensor("target")
    if not given.rank:
        must_have_rank(given, 1, 2)
    if given.rank > 1 and target.rank:
        must_equal(given.side(0), target.side(0), "batch")
    wanted = max(given.rank - 1, 0)
    if target.rank != wanted and not (given.rank == 1 and target.shape == (1,)):
        text = f"{given.label} of {given.rank} dims wants {wanted} in {target.label}, it has {target.rank}"
        refuse("rank", Side(given.label, None, wanted), Side(target.label, None, target.rank), text)
    for dim in range(2, given.rank):
        must_equal(given.side(dim), target.side(dim - 1), "length", dim)
    classes = 0 if given.rank == 1 else 1
    _weight_fits(call, given, classes)
    _indices_fit(call, given.side(classes), target)
    return _reduced(call, target.axes if given.rank > 1 else [])


def _weight_fits(call: Bound, given: Operand, dim: int) -> None:
    weight = call.find("weight")
    if weight is not None:
        must_have_rank(weight, 1)
        must_equal(given.side(dim), weight.side(0), "class")


def _indices_fit(call: Bound, classes: Side, target: Operand) -> None:
    ignored = call.number("ignore_index", -100)
    for index in (call.value("index_max"), call.value("index_min")):
        if index is not None and index != ignored and not 0 <= index < classes.size:
            refuse("index", Side(target.label, None, index), classes, role="class")


@register("binary_cross_entropy", "BCELoss", params="input target weight reduction=")
def bce(call: Bound) -> Axes:
    return _alike(call, "weight")


@register("binary_cross_entropy_with_logits", "BCEWithLogitsLoss", params="input target weight reduction= pos_weight")
def bce_with_logits(call: Bound) -> Axes:
    return _alike(call, "weight", "pos_weight")


def _alike(call: Bound, *weights: str) -> Axes:
    """Input and target have the very same shape; weights broadcast to it."""
    given, target = call.tensor("input"), call.tensor("target")
    same_shape(given, target, _ROLES)
    for name in weights:
        weight = call.find(name)
        if weight is not None:
            broadcast_into(target.axes, weight.axes, roles=_ROLES)
    return _reduced(call, target.axes)


@register(_BROADCASTING, params="input target reduction=")
def pointwise_loss(call: Bound) -> Axes:
    """These broadcast, with a warning at most: (N, 1) against (N,) becomes (N, N)."""
    return _reduced(call, broadcast([call.tensor("input").axes, call.tensor("target").axes], _ROLES))


@register("gaussian_nll_loss", "GaussianNLLLoss", params="input target var reduction=")
def gaussian_nll(call: Bound) -> Axes:
    axes = [call.tensor(name).axes for name in ("input", "target")]
    var = call.find("var")
    if var is not None and var.shape not in (call.tensor("input").shape, call.tensor("input").shape[:-1]):
        broadcast_into(call.tensor("input").axes, var.axes, roles=_ROLES)
    return _reduced(call, broadcast(axes, _ROLES))


@register("cosine_similarity", "CosineSimilarity", params="x1 x2 dim=")
def cosine_similarity(call: Bound) -> Axes:
    axes = broadcast([call.tensor("x1").axes, call.tensor("x2").axes], _ROLES)
    dim = wrap(call.number("dim", 1), len(axes), call.tensor("x1").label)
    return axes[:dim] + axes[dim + 1 :]


@register("triplet_margin_loss", "TripletMarginLoss", params="anchor positive negative reduction=")
def triplet_margin(call: Bound) -> Axes:
    axes = broadcast([call.tensor(name).axes for name in ("anchor", "positive", "negative")], _ROLES)
    return _reduced(call, axes[:-1])


@register("margin_ranking_loss", "MarginRankingLoss", params="input1 input2 target reduction=")
def margin_ranking(call: Bound) -> Axes:
    one, other, target = (call.tensor(name) for name in ("input1", "input2", "target"))
    must_have_rank(other, one.rank)
    must_have_rank(target, one.rank)
    return _reduced(call, broadcast([one.axes, other.axes, target.axes], _ROLES))


@register("hinge_embedding_loss", "HingeEmbeddingLoss", params="input target")
@register("multilabel_soft_margin_loss", "MultiLabelSoftMarginLoss", params="input target")
def alike(call: Bound) -> Axes:
    return _reduced(call, broadcast([call.tensor("input").axes, call.tensor("target").axes], _ROLES))


@register("cosine_embedding_loss", "CosineEmbeddingLoss", params="input1 input2 target reduction=")
def cosine_embedding(call: Bound) -> Axes:
    """Two rows of features (batch, features) and one answer for each pair (batch,)."""
    one, other, target = (call.tensor(name) for name in ("input1", "input2", "target"))
    pairs = broadcast([one.axes, other.axes], _ROLES)
    return _reduced(call, broadcast([pairs[:-1], target.axes], _ROLES))


@register("pairwise_distance", "PairwiseDistance", params="x1 x2")
def pairwise_distance(call: Bound) -> Axes:
    return broadcast([operand.axes for operand in call.all[:2]], _ROLES)[:-1]


@register("multi_margin_loss", "MultiMarginLoss", params="input target")
def multi_margin(call: Bound) -> Axes:
    given, target = call.tensor("input"), call.tensor("target")
    must_have_rank(given, 1, 2)
    rows = given.side(0) if given.rank == 2 else Side(given.label, None, 1)
    must_equal(rows, Side(target.label, 0, product(target.shape)), "batch")
    return _reduced(call, target.axes)


@register("multilabel_margin_loss", "MultiLabelMarginLoss", params="input target")
def multilabel_margin(call: Bound) -> Axes:
    same_shape(call.tensor("input"), call.tensor("target"), _ROLES)
    return _reduced(call, call.tensor("input").axes[:1])


@register("ctc_loss", "CTCLoss", params="log_probs targets input_lengths target_lengths blank= reduction=")
def ctc(call: Bound) -> Axes:
    """Scores (length, batch, classes) with targets (batch, longest) or one after another, and two lengths for each row."""
    scores, targets = call.tensor("log_probs"), call.tensor("targets")
    must_have_rank(scores, 2, 3)
    if scores.rank == 2:
        return _reduced(call, [])
    for name in ("input_lengths", "target_lengths"):
        lengths = call.find(name)
        if lengths is not None:
            must_equal(scores.side(1), lengths.side(0) if lengths.rank else Side(lengths.label, None, 1), "batch", 1)
    if targets.rank == 2:
        must_equal(scores.side(1), targets.side(0), "batch", 1)
    lengths = call.find("input_lengths")
    longest = call.value(f"{lengths.label}_max") if lengths is not None else None
    if lengths is not None and longest is not None and longest > scores.shape[0]:
        refuse("index", Side(lengths.label, None, longest), scores.side(0), role="length")
    return _reduced(call, [scores.axes[1]])


def _reduced(call: Bound, axes: Axes) -> Axes:
    return axes if call.text("reduction", "mean") == "none" else []

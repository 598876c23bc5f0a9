"""What was handed on where it does not belong: whole, where its partner was cut, or to the one of two models that is built the other way round."""

from __future__ import annotations

import ast

from shapeguard.analysis.built import construct_row
from shapeguard.analysis.causes import Cause
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.models import built_model, config_of
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import call_of
from shapeguard.analysis.sides import is_weight
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, Site

_CUTTING = frozenset({"chunk", "split", "tensor_split", "narrow", "getitem", "unbind"})
_COMPARING = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
_MARKED = frozenset({"getitem", "setitem", "masked_fill", "masked_fill_", "where", "masked_select"})
_GIVEN = ("in_channels", "in_features", "num_features", "input_size")


def whole_beside_part(dispute: Dispute) -> Cause | None:
    """The call that hands on a tensor as it is, where a helper cut its partner to the part of this rank, and cut it, too, elsewhere."""
    run = dispute.run
    for index, side in enumerate(dispute.both):
        end, other = (side.hops[-1].row if side.hops else None), dispute.both[1 - index]
        cut = next((hop.row for hop in other.hops if hop.row.op in _CUTTING and hop.changed), None)
        if end is None or cut is None or side.size <= other.size or len(run.chain(cut)) < 2:
            continue
        elsewhere = any(
            row.op == cut.op
            and row.id != cut.id
            and run.at_one_place(row, cut)
            and row.inputs
            and row.inputs[0].origin == end.id
            and row.outputs
            and other.size in row.outputs[0].last
            for row in run.of_kind("op")
        )
        caller = run.chain(cut)[1]
        for frame in reversed(run.frames):
            if elsewhere and frame.user and (frame.file, frame.function) == (caller.file, caller.function):
                return dispute.blame(index, run.statement_of(frame), "here")
    return None


def marked_on_another(dispute: Dispute) -> Cause | None:
    """The comparison that marks places of one input of a model, ``input_ids.eq(eos)``, for states that go with another of its inputs."""
    run = dispute.run
    for index, side in enumerate(dispute.both[:2] if len(dispute.both) > 1 else ()):
        made = side.hops[0].row if side.hops else None
        if made is None or made.op not in _COMPARING or dispute.failed.op not in _MARKED:
            continue
        model = next((hop.row for hop in dispute.both[1 - index].hops if hop.row.kind in ("forward", "module")), None)
        behind = {hop.row.id for hop in side.hops[1:]}
        if model is not None and any(given.origin in behind and side.size in given.last for given in model.inputs):
            return dispute.blame(index, run.location(made), "changed")
    return None


def not_for_each_row(dispute: Dispute) -> Cause | None:
    """The one of two lists of places, ``scores[rows, at]``, that was counted out for fewer rows than the other list and what is indexed have."""
    run, both = dispute.run, dispute.both[:2]
    indexed = dict(dispute.failed.call.tensors).get("input", ())
    if len(both) != len(("rows", "at")) or not all(side.label.startswith("index[") for side in both):
        return None
    for index, side in enumerate(both):
        last = side.hops[-1].row if side.hops else None
        agreed = both[1 - index].size in indexed and side.size not in indexed
        if agreed and last is not None and last.op == "arange":
            return dispute.blame(index, run.location(last))
    return None


def not_cut_with_it(dispute: Dispute) -> Cause | None:
    """Where the failing function made a tensor for what stands in a text, beside a tokenizer that cut the text: for the whole of it."""
    run, frame = dispute.run, dispute.run.user_frame
    for index, side in enumerate(dispute.both[:2] if len(dispute.both) > 1 and frame is not None else ()):
        other = dispute.both[1 - index]
        cut = side.hops[-1].row if side.hops else None
        made = other.hops[-1].row if other.hops else None
        if cut is None or made is None or cut.kind != "tokenizer" or not cut.args.get("cut"):
            continue
        place = run.location(made)
        beside = place is not None and frame is not None and place.function == run.statement_of(frame).function
        if dispute.causes[index].how == "counted" and side.size < other.size and made.kind == "op" and beside:
            return dispute.blame(1 - index, place)
    return None


def of_two_models(dispute: Dispute) -> Cause | None:
    """The call that hands the answers of two models on together, from the function that asked them both: a student's and a teacher's."""
    run = dispute.run
    ends = [side.hops[-1].row if side.hops else None for side in dispute.both]
    asked = [row for row in ends if row is not None and row.kind == "forward"]
    where = {site.function for row in asked for site in run.chain(row)[:1]}
    if len(asked) != 2 or asked[0].owner == asked[1].owner or len(where) != 1:
        return None
    if dispute.causes[0].location != dispute.causes[1].location:
        return None  # each was told its own number
    site = run.chain(asked[0])[0]
    for frame in reversed(run.frames):
        if frame.user and (frame.file, frame.function) == (site.file, site.function):
            return dispute.blame(0, run.statement_of(frame), "here") if frame is not run.user_frame else None
    return None


def of_two_vocabularies(dispute: Dispute) -> Cause | None:
    """The call that asked the model whose vocabulary has more rows: those beyond the other's are padding, and its scores are to be cut."""
    run = dispute.run
    asked = [side.hops[-1].row if side.hops else None for side in dispute.both]
    rows = [row for row in asked if row is not None and row.kind == "forward"]
    if len(rows) != 2 or rows[0].owner == rows[1].owner:
        return None
    configs = [config_of(run, built_model(run, row)) for row in rows]
    sizes = [side.size for side in dispute.both]
    if any(
        config is None or config.args.get("vocab_size") != size for config, size in zip(configs, sizes, strict=True)
    ):
        return None
    larger = sizes.index(max(sizes))
    return dispute.blame(larger, run.location(rows[larger]), "data")


def given_to_the_other(dispute: Dispute) -> Cause | None:
    """The call of a model, where another one was built by the same class of the same numbers in another order, and takes what is given.

    ``net_a = Net(one, three)`` and ``net_b = Net(three, one)``: both are meant, and it is the call that takes the wrong one, or the wrong data.
    """
    run = dispute.run
    layer = construct_row(run, dispute.failed)
    for index, side in enumerate(dispute.both):
        wanted = dispute.both[1 - index].size
        if layer is None or not is_weight(side):
            continue
        turned = any(
            wanted in [other.args.get(name) for name in _GIVEN] and _turned(run, run.chain(layer), run.chain(other))
            for other in run.of_kind("construct")
            if other.op == layer.op and other.id != layer.id and run.at_one_place(other, layer)
        )
        place = _called_at(run, layer) if turned else None
        if place is not None:
            return dispute.blame(1 - index, place, "here")
    return None


def _turned(run: Run, ours: list[Site], theirs: list[Site]) -> bool:
    """Whether two objects were built in one function by calls with the same arguments in another order."""
    for site, other in zip(ours[1:], theirs[1:], strict=False):
        if site.line != other.line or site.col != other.col:
            calls = [
                call_of(run.sources[at.file].segment(at.line, at.end_line, at.col, at.end_col)) for at in (site, other)
            ]
            given = [[ast.unparse(argument) for argument in call.args] if call is not None else [] for call in calls]
            return given[0] != given[1] and sorted(given[0]) == sorted(given[1]) and site.function == other.function
    return False


def _called_at(run: Run, layer: Row) -> Location | None:
    """The call, in the code around the model, that failed: the innermost frame of it that is no module's own."""
    own = {site.function.partition(".")[0] for site in run.chain(layer)[:1]}
    for frame in reversed(run.frames):
        if frame.user and frame.function.partition(".")[0] not in own:
            return run.statement_of(frame)
    return None

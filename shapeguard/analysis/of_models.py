"""Sides of a clash that models made: which of two models, or of a model and what stands beside it, is not as the other."""

from __future__ import annotations

import ast
import re
from itertools import pairwise

from shapeguard.analysis.causes import Cause
from shapeguard.analysis.climb import Spot
from shapeguard.analysis.climbing.arguments import default
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.parting import whole_way
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import Side, is_weight
from shapeguard.analysis.sizing import slice_trails
from shapeguard.analysis.written import parsed, whole_trails, written_spot
from shapeguard.values.findings import Location

_COUNTED = re.compile(r"len\([\w.]*tokenizer\)|len\([\w.]*\btok\)", re.IGNORECASE)


def worked_out(dispute: Dispute) -> Cause | None:
    """The one of two models whose number a helper worked out of what it was given: rounded up, say."""
    run, causes = dispute.run, dispute.causes
    if any(found.how != "built" or not found.side.hops for found in causes):
        return None
    told: list[tuple[int, Location]] = []
    for index, found in enumerate(causes):
        last = found.side.hops[-1].row
        built = run.row(last.owner)
        trail = next(iter(whole_trails(run, built, found.side.size)), []) if built and last.kind == "forward" else []
        back = next((number for number, spot in enumerate(trail) if spot.kind == "return" and number), None)
        if back is not None and isinstance(parsed(trail[back]), ast.BinOp):
            asked = trail[back - 1]
            told.append((index, run.at(asked)))
    return dispute.blame(*told[0]) if len(told) == 1 else None


def made_of_other(run: Run, both: list[Side]) -> int | None:
    """The side that the model made of the other one, as an autoencoder does of its target: the target is what it is."""
    origins = [of.value.origin if of.value is not None else None for of in both]
    for index, of in enumerate(both):
        behind = ancestors(run, of.value) if of.value is not None and origins[1 - index] is not None else ()
        if any(row.id == origins[1 - index] for row in behind):
            return index
    return None


def default_beside(run: Run, causes: list[Cause]) -> int | None:
    """The side that a layer made by a default, where the other was cut to a length that somebody named."""
    for index, found in enumerate(causes):
        layer, cut = found.side.hops[-1:], causes[1 - index].side.hops[-1:]
        built = run.row(layer[0].row.owner) if layer and layer[0].row.kind == "module" else None
        if built is None or built.kind != "construct" or found.how != "built" or causes[1 - index].how != "changed":
            continue
        spot = written_spot(run, built, found.side.size)
        named = {trail[-1].kind for trail in slice_trails(run, cut[0])} if cut else set()
        if spot is not None and spot.kind == "default" and named & {"option", "entry", "argument", "constant"}:
            return index
    return None


def of_another_model(dispute: Dispute) -> Cause | None:
    """The side that is another model's states, which a model has no projection for: both were built as they should be."""
    weights = [is_weight(of) for of in dispute.both]
    if weights.count(True) != 1 or dispute.run.failed_row("forward") is None:
        return None
    index = weights.index(False)
    made = [hop.row for hop in dispute.both[index].hops]
    return dispute.here(index) if made and made[-1].kind == "forward" and not made[-1].error else None


def beside_a_model(dispute: Dispute) -> Cause | None:
    """Where one side is as long as a library's model makes it, frames or patches, and the other came in with the data.

    What the model makes of its input is settled; the other is to be brought to it where it is handed on beside it.
    """
    both = dispute.both
    made = [of.hops[-1] if of.hops else None for of in both]
    settled = [hop is not None and hop.row.kind == "forward" and hop.source is None and hop.after == 1 for hop in made]
    if settled.count(True) != 1:
        return None
    other = 1 - settled.index(True)
    if (
        is_weight(both[other])
        or not both[other].hops
        or dispute.causes[other].how != "data"
        or both[other].hops[-1].changed
    ):
        return None
    place = dispute.run.location(both[other].hops[0].row)
    return dispute.blame(other, place, "changed") if place is not None else None


def not_projected(dispute: Dispute) -> Cause | None:
    """A model's states that are taken as they are, where the other side's went through a projection after theirs."""
    run = dispute.run
    ways = [[hop.row for hop in whole_way(run, of)] for of in dispute.both]
    if any(not way or way[-1].kind != "forward" or way[-1].error for way in ways):
        return None
    projected = [any(row.kind == "module" and row.op == "Linear" for row in way) for way in ways]
    if projected.count(True) != 1:
        return None
    index = projected.index(False)
    place = run.location(ways[index][-1])
    return dispute.blame(index, place, "here") if place is not None else None


def read_off_another(dispute: Dispute) -> Cause | None:
    """Where a size was read off one model's config, ``target.config.hidden_size``, that has to fit what another model makes.

    What the config says is right for its own model: it is the reading that took the wrong one's.
    """
    for index, found in enumerate(dispute.causes):
        ours, theirs = found.side.hops[-1:], dispute.both[1 - index].hops[-1:]
        if found.how != "written" or not ours or not theirs or theirs[0].row.kind not in ("forward", "module"):
            continue
        for trail in whole_trails(dispute.run, ours[0].row, found.side.size, ours[0].after):
            for spot in trail:
                match parsed(spot):
                    case ast.Attribute(value=ast.Attribute(attr="config", value=ast.Name() | ast.Attribute())):
                        place = dispute.run.at(spot)
                        return dispute.blame(index, place, "written")
    return None


def told_beside_default(dispute: Dispute) -> Cause | None:
    """Where a number was told in the place of a default that would have fitted the other side."""
    for index, side in enumerate(dispute.both):
        last = side.hops[-1] if side.hops else None
        if last is None or dispute.causes[index].how != "written" or last.row.kind != "op":
            continue
        for trail in whole_trails(dispute.run, last.row, side.size, last.after):
            for use, told in pairwise(trail):
                number = told.kind == "argument" and told.node_text == str(side.size) and use.node_text.isidentifier()
                if number and _default(dispute.run, use) == dispute.both[1 - index].size:
                    return dispute.blame(index, dispute.run.at(told), "written")
    return None


def _default(run: Run, use: Spot) -> int | None:
    """The number that a parameter has where nobody gives it one."""
    function = run.sources[use.file].function_at(use.line)
    if not isinstance(function, ast.FunctionDef):
        return None
    value = default(function.args, use.node_text)
    return value.value if isinstance(value, ast.Constant) and type(value.value) is int else None


def counted_tokens(dispute: Dispute) -> Cause | None:
    """Where entries of a tokenizer were counted, ``len(tokenizer)``, beside what a model has for each of its own."""
    run = dispute.run
    for index, side in enumerate(dispute.both[:2]):
        last, other = side.hops[-1] if side.hops else None, dispute.both[1 - index]
        modelled = bool(other.hops) and other.hops[-1].row.kind == "forward" and other.hops[-1].size_before is None
        for trail in whole_trails(run, last.row, side.size, last.after) if last is not None and modelled else ():
            told = next((spot for spot in trail if _COUNTED.fullmatch(spot.node_text)), None)
            if told is not None and told.line:
                return dispute.blame(index, run.at(told), "written")
    return None


def default_of_one(dispute: Dispute) -> Cause | None:
    """The one of two results whose layer was built by a default, where the other's was told its number."""
    if any(found.how != "built" or not found.side.hops for found in dispute.causes):
        return None
    kinds = []
    for of in dispute.both:
        last = of.hops[-1]
        built = dispute.run.row(last.row.owner) if last.row.kind == "module" and last.size_before is None else None
        spot = written_spot(dispute.run, built, of.size) if built is not None else None
        kinds.append(spot.kind if spot is not None else "")
    return dispute.blame(kinds.index("default")) if kinds.count("default") == 1 and "" not in kinds else None

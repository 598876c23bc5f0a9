"""Mistakes that are known by their looks, whichever of two sizes that disagree was changed last."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from shapeguard.analysis.across import (
    cut_across,
    cut_along_another,
    joined_across,
    joined_into_more,
    reduced_across,
    repeated_across,
)
from shapeguard.analysis.causes import Cause, statement_here
from shapeguard.analysis.climb import named_at
from shapeguard.analysis.clipped import ran_out
from shapeguard.analysis.departures import (
    brought_apart,
    called_otherwise,
    came_in_another_size,
    counted_by_the_data,
    handed_wrongly,
    not_repeated,
)
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.entries import written_into
from shapeguard.analysis.factors import odd_factor, other_factors
from shapeguard.analysis.filled import filled_apart
from shapeguard.analysis.laid_apart import LAID_APART, both_directions, not_doubled, pool_floors
from shapeguard.analysis.left_out_ops import (
    divided_unreduced,
    enlarged_by_padding,
    flattened_unasked,
    half_pooled,
    laid_out_here,
    length_first,
    not_flattened,
    not_outer,
    not_padded,
    not_turned,
    one_direction,
    one_not_dropped,
    paired_across_rows,
    spread_without_axis,
)
from shapeguard.analysis.made_otherwise import (
    channels_before_places,
    coloured_places,
    coloured_target,
    made_like,
    part_cut,
    refolded,
    turned_away,
)
from shapeguard.analysis.misbuilt import fed_by_its_twin, misbuilt, not_for_joined, turned_round
from shapeguard.analysis.misdirected import (
    given_to_the_other,
    marked_on_another,
    not_cut_with_it,
    not_for_each_row,
    of_two_models,
    of_two_vocabularies,
    whole_beside_part,
)
from shapeguard.analysis.of_models import (
    beside_a_model,
    counted_tokens,
    default_of_one,
    not_projected,
    of_another_model,
    read_off_another,
    told_beside_default,
    worked_out,
)
from shapeguard.analysis.one_for_all import one_for_all
from shapeguard.analysis.packed import left_out
from shapeguard.analysis.returned import returned_early
from shapeguard.analysis.rounding import (
    enlarged_by_layers,
    enlarged_inexactly,
    left_small,
    lost_by_kernel,
    not_enlarged,
    rescaled,
    wrong_divisor,
)
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.set_from_outside import set_from_outside
from shapeguard.analysis.sides import Side
from shapeguard.analysis.source import parsed_text
from shapeguard.analysis.squeezed import (
    cut_in_vain,
    fell_short,
    of_nothing,
    squeezed_away,
    squeezed_in_vain,
    took_everything,
)
from shapeguard.analysis.stages import one_too_many
from shapeguard.analysis.taken_otherwise import TAKEN_OTHERWISE
from shapeguard.analysis.unfollowed import (
    folded,
    grown_back,
    halved_table,
    multiplied,
    not_multiple,
    odd_halves,
    squared,
    uncounted,
)
from shapeguard.analysis.unseen import fitted_another_model
from shapeguard.analysis.untaken import let_pass, looked_elsewhere, never_taken


def _replaced(dispute: Dispute) -> Cause | None:
    """The side that is an attribute which somebody set from outside, where the other is none."""
    run, failed, both = dispute.run, dispute.failed, dispute.both
    places = [
        set_from_outside(run, failed.expression(run, side.label)) or set_from_outside(run, _layer_before(run, side))
        for side in both
    ]
    known = [(index, place) for index, place in enumerate(places) if place is not None]
    return dispute.blame(*known[0], "here") if len(known) == 1 else None


def _layer_before(run: Run, side: Side) -> str:
    """What the failing statement calls the layer that made an operand: ``self.conv1`` of ``self.bn1(self.conv1(x))``."""
    row = side.hops[0].row if side.hops else None
    place, here = run.location(row) if row is not None else None, statement_here(run)
    match parsed_text(run.expression(row)) if row is not None and row.kind == "module" and place == here else None:
        case ast.Call(func=ast.Attribute() as callee):
            return ast.unparse(callee)
    return ""


def _of_one_number(dispute: Dispute) -> Cause | None:
    """Both sizes were made of a number that is written in one place: not that is wrong, what was made of it."""
    run, causes = dispute.run, dispute.causes
    place = causes[0].location
    ends = [run.location(found.side.hops[-1].row) for found in causes if found.side.hops]
    one = place == causes[1].location and place not in ends
    if one and all(found.how == "written" for found in causes):
        return dispute.here(0)
    numbers = {int(text) for text in re.findall(r"\d+", place.source)}
    together = family(dispute.failed.op) == "broadcast"
    if one and together and all(found.how == "built" and found.side.size in numbers for found in causes):
        # Each was built for a number of one list: what is wrong is which meets which.
        frame, names = run.user_frame, [_root(run, dispute, side) for side in dispute.both]
        taken = [named_at(run, frame, name) for name in names if name] if frame is not None else []
        picked = next((at for at in taken if at is not None and at != statement_here(run) and "[" in at.source), None)
        return dispute.blame(0, picked, "here") if picked is not None else dispute.here(0)
    return None


def _root(run: Run, dispute: Dispute, side: Side) -> str:
    """The name that an operand's expression begins with: ``skip`` of ``skip[..., :n]``."""
    node = parsed_text(dispute.failed.expression(run, side.label))
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


# By what was done to a side: then it does not count that a size was written down.
SETTLING: tuple[Callable[[Dispute], Cause | None], ...] = (
    left_out,
    folded,
    halved_table,
    odd_halves,
    uncounted,
    squeezed_in_vain,
    rescaled,
    enlarged_inexactly,
    not_doubled,
    length_first,
    fell_short,
    not_outer,
)
# Mistakes that are known by their looks, the surest first.
TELLING: tuple[Callable[[Dispute], Cause | None], ...] = (
    of_two_vocabularies,
    ran_out,
    fell_short,
    of_nothing,
    squeezed_away,
    squared,
    length_first,
    _replaced,
    repeated_across,
    not_repeated,
    marked_on_another,
    not_for_each_row,
    not_cut_with_it,
    paired_across_rows,
    not_outer,
    brought_apart,
    _of_one_number,
    turned_away,
    channels_before_places,
    cut_across,
    reduced_across,
    cut_along_another,
    divided_unreduced,
    joined_into_more,
    not_turned,
    half_pooled,
    one_not_dropped,
    enlarged_by_padding,
    flattened_unasked,
    spread_without_axis,
    one_direction,
    not_flattened,
    joined_across,
    laid_out_here,
    refolded,
    part_cut,
    made_like,
    coloured_target,
    coloured_places,
    filled_apart,
    returned_early,
    one_for_all,
    left_out,
    folded,
    uncounted,
    halved_table,
    odd_halves,
    let_pass,
    not_multiple,
    rescaled,
    enlarged_inexactly,
    pool_floors,
    lost_by_kernel,
    not_padded,
    other_factors,
    odd_factor,
    not_enlarged,
    enlarged_by_layers,
    left_small,
    wrong_divisor,
    one_too_many,
    squeezed_in_vain,
    written_into,
    both_directions,
    turned_round,
    not_for_joined,
    misbuilt,
    fed_by_its_twin,
    given_to_the_other,
    whole_beside_part,
    of_two_models,
    never_taken,
    looked_elsewhere,
    grown_back,
    counted_by_the_data,
    came_in_another_size,
    worked_out,
    counted_tokens,
    multiplied,
    handed_wrongly,
    fitted_another_model,
    of_another_model,
    not_projected,
    beside_a_model,
    read_off_another,
    default_of_one,
    told_beside_default,
    cut_in_vain,
    took_everything,
    *LAID_APART,
    *TAKEN_OTHERWISE,
    called_otherwise,
)

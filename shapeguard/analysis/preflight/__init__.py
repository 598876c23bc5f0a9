"""What is wrong with a generation before it runs: THE TABLE of checks, pure functions of a :class:`Pipeline`.

The audit asks them of a folder or of objects, and a guard of what a call of ``generate`` was really given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from shapeguard.analysis.preflight import (
    attention,
    caches,
    heads,
    lengths,
    masks,
    padding,
    settings,
    template,
    vocabulary,
)
from shapeguard.analysis.preflight.base import Check, Problem
from shapeguard.values.findings import Finding, Fix, Location
from shapeguard.values.pipeline import Pipeline

CHECKS: tuple[Check, ...] = (
    padding.right_padded,
    padding.no_pad_token,
    padding.pad_is_end,
    padding.ragged,
    masks.unmasked,
    masks.hides_tokens,
    masks.mask_shape,
    masks.positions_shape,
    masks.positions_value,
    vocabulary.batch_ids,
    vocabulary.pad_row,
    vocabulary.special_rows,
    vocabulary.added_rows,
    vocabulary.configured_ids,
    lengths.beyond_positions,
    lengths.beyond_window,
    lengths.cut,
    lengths.would_be_cut,
    template.doubled_start,
    template.doubles_start,
    settings.no_room,
    settings.too_many_sequences,
    settings.nothing_asked,
    settings.least_above_most,
    settings.frozen_sampling,
    settings.ignored_sampling,
    settings.ignored_cache,
    settings.assisted_batch,
    settings.two_pads,
    caches.legacy,
    caches.rows,
    caches.heads,
    caches.nothing_new,
    caches.room,
    caches.unknown_kind,
    caches.cannot_take_back,
    caches.quantized,
    caches.two_caches,
    attention.fused_maps,
    attention.flash_dtype,
    attention.flash_device,
    attention.flash_head,
    attention.flash_mask,
    heads.groups,
    heads.split,
    heads.checkpoint,
)

Locate = Callable[[tuple[str, ...]], Location | None]


def examine(pipeline: Pipeline, locate: Locate = lambda fields: None) -> Iterator[Finding]:
    """The findings of all checks; ``locate`` knows where the fields to change are set."""
    for check in CHECKS:
        for problem in check(pipeline):
            yield _finding(problem, locate(problem.fields))


def _finding(problem: Problem, location: Location | None) -> Finding:
    from shapeguard.rules import by_code

    rule = by_code(problem.code)
    assert rule is not None, f"{problem.code}: a check names a rule that does not exist"
    return Finding(
        rule.code,
        rule.name,
        problem.severity,
        problem.message,
        location=location,
        operands=problem.operands,
        mismatch=problem.mismatch,
        fix=Fix(problem.fix),
    )

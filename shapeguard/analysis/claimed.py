"""Failures that the rules about tokens and rows explain: the rules about plain ops step back before them."""

from __future__ import annotations

from shapeguard.analysis.departures import unbatched_call
from shapeguard.analysis.loading import in_default_collate
from shapeguard.analysis.lookup import failed_lookup
from shapeguard.analysis.overrun import overrun
from shapeguard.analysis.own_keys import left_keys
from shapeguard.analysis.placeholders import placeholders
from shapeguard.analysis.ragged import ragged
from shapeguard.analysis.refused import odd_rank
from shapeguard.analysis.run import Run, per_run


@per_run
def claimed(run: Run) -> bool:
    """Whether a token id, a position, a ragged row, a placeholder, a collation or one sample for a batch is what failed."""
    lookup = failed_lookup(run)
    if lookup is not None and lookup.role in ("token", "position"):
        return True
    return (
        in_default_collate(run)
        or unbatched_call(run) is not None
        or any(found(run) is not None for found in (overrun, ragged, placeholders, left_keys, odd_rank))
    )

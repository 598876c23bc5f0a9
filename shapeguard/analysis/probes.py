"""Widths that were worked out by running layers on a tensor made for it: ``self.conv(torch.zeros(1, 1, 1, length)).numel()``."""

from __future__ import annotations

from collections.abc import Sequence

from shapeguard.analysis.climb import Spot
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Location


def probed(run: Run, trails: Sequence[Sequence[Spot]]) -> Location | None:
    """Where the probe was made by which a layer's width was worked out, if the data has other places than it when the layers see them."""
    places = {(trail[-1].file, trail[-1].line) for trail in trails if trail and trail[-1].kind == "data"}
    for probe in run.of_kind("module") if places else ():
        where, given = run.location(probe), probe.inputs[0] if probe.inputs else None
        made = run.row(given.origin) if given is not None else None
        if where is None or (where.file, where.line) not in places or made is None or made.inputs or given is None:
            continue
        for other in run.rows[probe.id + 1 :]:
            same = other.kind == "module" and other.owner == probe.owner and not other.error and other.inputs
            shape = other.inputs[0].last if same else ()
            if same and len(shape) == len(given.last) and shape[1:] != given.last[1:]:
                return run.location(made)
    return None

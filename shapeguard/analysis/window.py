"""A bounded cache that keeps the oldest positions: the newest one, put in by each step, is cut off again."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.caches import named
from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row

_SURE = 3  # steps


def newest_cut(run: Run) -> Iterator[Row]:
    """Slices ``keys[:, :, :size]`` of what an update has just made ``size`` and a step long, as what the next update goes on with."""
    for update in run.of_kind("cache"):
        past, new = named(update, "past keys"), named(update, "key_states")
        cut = run.row(past.origin) if past is not None else None
        if (
            past is None
            or new is None
            or cut is None
            or cut.op != "getitem"
            or cut.count < _SURE
            or update.count < _SURE
        ):
            continue
        whole, kept = cut.inputs[0], cut.outputs[0]
        if len(whole.last) != 4 or len(new.last) != 4 or whole.first != whole.last or kept.first != kept.last:
            continue  # what grows by the way has not lost what came
        source, index = run.row(whole.origin), cut.args.get("index")
        begun = isinstance(index, list) and len(index) == 3 and index[2] == f":{kept.last[2]}"
        if begun and source is not None and source.kind == "cache" and whole.last[2] == kept.last[2] + new.last[2]:
            yield cut

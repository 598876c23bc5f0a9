"""Where the layer was built that changed or made a size, or the config of a library's model says it."""

from __future__ import annotations

import ast

from shapeguard.analysis.climb import climbs
from shapeguard.analysis.contents import of_call
from shapeguard.analysis.lineage import Hop
from shapeguard.analysis.models import config_of
from shapeguard.analysis.parting import callers_part
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import setting_written
from shapeguard.analysis.source import parsed_text
from shapeguard.analysis.written import decided, written
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row

_PARTS = 64  # rows before a container's construction in which its parts are looked for


def by_layer(run: Run, hop: Hop) -> Location | None:
    """Where the layer was built that changed or made a size: its numbers did it, not the line that calls it."""
    built = run.row(hop.row.owner)
    if built is None or built.kind != "construct":
        return None
    if hop.row.kind == "forward":
        return _of_model(run, hop, built)
    if hop.row.kind != "module":
        return None
    if built.op.startswith("Adaptive") and hop.size_after == 1:
        return run.location(hop.row)  # pooled to one place on purpose: where it is used, not where it was built
    if (padding := _padding_told(run, hop, built)) is not None:
        return padding
    if built.op == "Sequential" and not _is_place(hop):
        built = part_of(run, built, hop.size_after) or built
    number = written(run, built, hop.size_after) if hop.size_before is None else None
    helper = not run.chain(built)[0].function.endswith("__init__")
    return number or (of_call(run, built) if helper else None) or run.location(built)


def _is_place(hop: Hop) -> bool:
    """Whether a dim is one of a map's places, (batch, channels, height, width)."""
    return (
        bool(hop.row.outputs) and len(hop.row.outputs[0].last) > len(("batch", "channels", "length")) and hop.after > 1
    )


def _padding_told(run: Run, hop: Hop, built: Row) -> Location | None:
    """Where it was said, outside of the layer's own line, that convolutions which took pixels away have no padding."""
    if hop.size_before is None or hop.size_before <= hop.size_after or hop.after < 2:
        return None
    rows = [built] if built.op != "Sequential" else run.rows[max(0, built.id - _PARTS) : built.id]
    for row in rows:
        node = parsed_text(run.expression(row)) if row.kind == "construct" and row.op.startswith("Conv") else None
        told = (
            next((k.value for k in node.keywords if k.arg == "padding"), None) if isinstance(node, ast.Call) else None
        )
        elsewhere = run.location(row) != run.location(built)
        if not _no_padding(row.args.get("padding")) or (told is None) != elsewhere:
            continue
        if told is None:
            if node is not None and row.args.get("kernel_size") not in (1, [1, 1]):
                return run.location(row)  # a helper builds them, and says nothing of padding
            continue
        spots = [decided(list(trail.spots)) for trail in climbs(run.sources, run.chain(row), told)]
        spot = next((spot for spot in spots if spot is not None and spot.line), None)
        if spot is not None:
            return run.at(spot)
    return None


def _no_padding(told: object) -> bool:
    return told == 0 or (isinstance(told, list) and set(map(str, told)) == {"0"})


def _of_model(run: Run, hop: Hop, built: Row) -> Location | None:
    """Where the config of a transformers model has the number that is the last dim of its result: its vocabulary, its width."""
    out = hop.row.outputs[0].last if hop.row.outputs else ()
    if hop.size_before is None and hop.after == 1 and (heads := _of_heads(run, hop, built)) is not None:
        return heads
    if hop.size_before is not None or hop.after != len(out) - 1 or len(out) < 3:
        return None
    alike = [row for row in run.of_kind("construct") if row.op == built.op and row.id != built.id]
    apart = (callers_part(run, built, row) for row in alike)
    return next((place for place in apart if place is not None), None) or written(run, built, hop.size_after)


def _of_heads(run: Run, hop: Hop, built: Row) -> Location | None:
    """Where the config has the number of heads that attention maps, (batch, heads, query, key), have."""
    maps = [out.last for out in hop.row.outputs if len(out.last) == 4 and out.last[1] == hop.size_after]
    config = config_of(run, built)
    heads = config.args.get("num_attention_heads") if config is not None else None
    if config is None or heads != hop.size_after or not maps:
        return None
    return setting_written(run, config, ("num_attention_heads",)) or written(run, config, hop.size_after)


def part_of(run: Run, container: Row, size: int) -> Row | None:
    """The layer of a container whose output has this size: the last one built before the container for as many."""
    for row in reversed(run.rows[max(0, container.id - _PARTS) : container.id + _PARTS]):
        if row.first_at > container.last_at or row.id == container.id:
            continue  # a loop may have built several containers: they are one row
        if row.kind == "construct" and size in (row.args.get("out_channels"), row.args.get("out_features")):
            return row
    return None

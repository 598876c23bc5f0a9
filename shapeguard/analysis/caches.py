"""KV caches: the update that failed, how long a cache was, and what was fed to it."""

from __future__ import annotations

from typing import NamedTuple

from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row, TensorArg

_PAST = "past_key_values.layers[0].keys"
_FULL_LENGTH = frozenset({"DynamicCache"})


class FailedUpdate(NamedTuple):
    """A cache update that raised: what the cache held and what came, (batch, kv_heads, length, head_dim) each."""

    row: Row
    past: TensorArg
    new: TensorArg

    @property
    def is_static(self) -> bool:
        """Whether the cache has a fixed size."""
        return "max_cache_len" in self.row.args or "Static" in self.cache

    @property
    def cache(self) -> str:
        """Name of the cache's class."""
        return str(self.row.args.get("cache") or self.row.op.partition(".")[0])


def failed_update(run: Run) -> FailedUpdate | None:
    """The failed update of a cache that held something."""
    row = run.failed_row("cache")
    if row is None:
        return None
    by_label = {tensor.label: tensor for tensor in row.inputs}
    past, new = by_label.get("past keys"), by_label.get("key_states")
    return FailedUpdate(row, past, new) if past is not None and new is not None else None


def heads_behind(update: FailedUpdate) -> bool:
    """Whether the keys that a cache holds have their positions before their heads, by the heads of those that come in."""
    past, new = update.past.last, update.new.last
    return len(past) == len(new) == 4 and past[1] != new[1] == past[2] and past[3] == new[3]


def rows_behind(update: FailedUpdate) -> bool:
    """Whether they have their positions before their rows, (length, batch, kv_heads, head_dim), by what comes in."""
    past, new = update.past.last, update.new.last
    return len(past) == len(new) == 4 and past[0] != new[0] == past[1] and past[2:] == new[1::2]


def features_turned(update: FailedUpdate) -> bool:
    """Whether the keys that a cache holds have their features before their positions, and its values do not."""
    past, new, values = update.past.last, update.new.last, named(update.row, "past values")
    turned = len(past) == len(new) == 4 and past[1] == new[1] and past[2] == new[3] != past[3]
    return turned and values is not None and values.last == (*past[:2], past[3], past[2])


def given_cache(row: Row) -> TensorArg | None:
    """The first layer's keys of the cache a model call was given."""
    return next((tensor for tensor in row.inputs if tensor.label == _PAST), None)


def knows_length(row: Row) -> bool:
    """Whether the keys a call was given tell how many positions are cached: not so in fixed-size and sliding caches."""
    keys = given_cache(row)
    return str(row.args.get("past_key_values")) in _FULL_LENGTH and keys is not None and len(keys.last) == 4


def named(row: Row, *labels: str) -> TensorArg | None:
    """The first input of a row with one of these labels."""
    by_label = {tensor.label: tensor for tensor in row.inputs}
    return next((by_label[label] for label in labels if label in by_label), None)


def lengths(row: Row, first: bool = False) -> tuple[int, int] | None:
    """(cached, new) positions of a model call at its last (or first) occurrence."""
    keys, ids = given_cache(row), named(row, "input_ids", "inputs_embeds")
    if keys is None or ids is None:
        return None
    shapes = (keys.first, ids.first) if first else (keys.last, ids.last)
    return (shapes[0][-2], shapes[1][1]) if len(shapes[0]) > 1 and len(shapes[1]) > 1 else None


def kept_by_crop(run: Run) -> tuple[Row, int] | None:
    """(call, positions to keep) of a failed ``crop`` that was told what it took before transformers 5: how many stay."""
    row = run.failed_row("cache")
    told = [value for value in row.args.values() if type(value) is int] if row is not None else []
    keys = named(row, "past keys") if row is not None else None
    failed = row is not None and row.op.endswith(".crop") and run.failure is not None
    within = len(told) == 1 and keys is not None and 0 < told[0] <= keys.last[-2]
    return (row, told[0]) if failed and within and row is not None else None


def fed_twice(run: Run) -> tuple[Row, Row, Row] | None:
    """(call, other call, cache) of two calls that take turns on one cache and give it the same token, which it then holds twice."""
    calls = [row for row in run.of_kind("forward") if not row.error and named(row, _PAST) is not None]
    for one in calls:
        for other in calls:
            ids, theirs = named(one, "input_ids"), named(other, "input_ids")
            if one.id >= other.id or one.chain == other.chain or ids is None or theirs is None:
                continue
            if ids.origin is None or ids.origin != theirs.origin or ids.last[1:] != (1,) or ids.last != theirs.last:
                continue
            update, before = (_filled_by(run, call) for call in (one, other))
            turns = (
                update is not None and before is not None and (update.chain, before.chain) == (other.chain, one.chain)
            )
            built = (
                run.row(update.owner)
                if update is not None and turns and update.owner == (before or update).owner
                else None
            )
            if built is not None and built.kind == "construct":
                return one, other, built
    return None


def _filled_by(run: Run, call: Row) -> Row | None:
    """The update of a cache that filled what a call goes on with."""
    keys = named(call, _PAST)
    row = run.row(keys.origin) if keys is not None else None
    return row if row is not None and row.kind == "cache" else None

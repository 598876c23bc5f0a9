"""Model calls on a cache that held something: what was fed, how the result was read, and where the cache came from."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.caches import given_cache, knows_length, lengths, named
from shapeguard.analysis.graph import users_of
from shapeguard.analysis.run import Run, calls_in_common
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row

_PARTS = frozenset(
    {"getitem", "split", "chunk", "narrow", "unbind", "tensor_split", "select", "index_select", "unfold"}
)
_MOVES = frozenset(
    {"to", "cuda", "cpu", "long", "int", "clone", "detach", "contiguous", "unsqueeze", "squeeze", "view", "reshape"}
)
_READING = frozenset(
    {"getitem", "squeeze", "float", "to", "cpu", "log_softmax", "softmax", "div", "truediv", "cat", "detach"}
)


def cached_calls(run: Run) -> Iterator[Row]:
    """Forward rows that were given a cache whose length is known and not nothing."""
    for row in run.of_kind("forward"):
        found = lengths(row)
        if knows_length(row) and found is not None and found[0] > 0 and not _is_encoder_decoder(row):
            yield row


def _is_encoder_decoder(row: Row) -> bool:
    return row.args.get("encoder-decoder") is True


def too_long(row: Row) -> bool:
    """A generation's cache as long as its ids or longer: it wants the ids of all that is cached, and at least one more."""
    sizes = lengths(row)
    return knows_length(row) and sizes is not None and sizes[0] >= sizes[1] > 0 and named(row, "input_ids") is not None


def grown_here(run: Run, row: Row) -> bool:
    """Whether the cache a call was given had been filled by the call before at this very place."""
    keys = given_cache(row)
    filled = run.row(keys.origin) if keys is not None else None
    return filled is not None and filled.kind == "cache" and filled.chain == row.chain


def counted_apart(run: Run, row: Row) -> bool:
    """Whether a call's mask counts the cache as an earlier call at this place found it, and it holds more since: it was kept by accident."""
    mask, sizes = named(row, "attention_mask"), lengths(row)
    if mask is None or sizes is None or len(mask.last) != 2 or not grown_here(run, row):
        return False
    counted = mask.last[1] - sizes[1]
    before = (lengths(other) for other in cached_calls(run) if other.id < row.id and run.at_one_place(other, row))
    return 0 < counted < sizes[0] and any(found is not None and found[0] == counted for found in before)


def begun_again(run: Run, row: Row) -> bool:
    """Whether a batch of new texts, mask and all, meets a cache that the batch before filled at the same place.

    A conversation that goes on gives its one row a mask over all, or decodes between its turns.
    """
    ids, mask, keys = named(row, "input_ids"), named(row, "attention_mask"), given_cache(row)
    texts = run.row(ids.origin) if ids is not None else None
    if texts is None or texts.kind != "tokenizer" or ids is None or mask is None or keys is None:
        return False
    whole = mask.origin == ids.origin and mask.last == ids.last and ids.last[-1] > 1
    rows = max(ids.last[0], keys.last[0])
    return whole and rows > 1 and grown_here(run, row) and not stepped(run, row)


def stepped(run: Run, row: Row) -> bool:
    """Whether single tokens were decoded on caches, as a conversation does between its turns."""
    return any((lengths(other) or (0, 0))[1] == 1 for other in cached_calls(run) if other.id != row.id)


def fresh_ids(run: Run, row: Row) -> bool:
    """Whether the ids are a tensor of their own, not a piece of a longer one nor grown from earlier ids."""
    ids = named(row, "input_ids")
    made = run.row(ids.origin) if ids is not None else None
    for _ in range(10):
        if made is None or made.op not in _MOVES or not made.inputs:
            break
        made = run.row(made.inputs[0].origin)
    return made is not None and made.op not in _PARTS and made.kind in ("op", "tokenizer") and made.op != "cat"


def readers(run: Run, row: Row) -> set[str]:
    """Names of the ops that read what a call returned, through ops that only hand its values on."""
    found: set[str] = set()
    waiting, seen = [row], {row.id}
    while waiting:
        for user in users_of(run, waiting.pop()):
            if user.id not in seen:
                seen.add(user.id)
                found.add(user.op)
                if user.op in _READING:
                    waiting.append(user)
    return found


def all_positions_chosen(run: Run, row: Row) -> bool:
    """Whether the best token of every position was taken from the result, as a verification does."""
    found = lengths(row)
    if found is None or found[1] < 2:
        return False
    waiting, seen = [row], {row.id}
    while waiting:
        for user in users_of(run, waiting.pop()):
            if user.id in seen:
                continue
            seen.add(user.id)
            out = user.outputs[0].last if user.outputs else ()
            if user.op == "argmax" and found[1] in out:
                return True
            if user.op in _READING:
                waiting.append(user)
    return False


def cropped(run: Run) -> bool:
    """Whether anything was ever taken off the end of a cache."""
    return any(row.op.endswith((".crop", ".reset")) or _sliced(run, row) for row in run.rows)


def _sliced(run: Run, row: Row) -> bool:
    """A slice of cached keys or values, as a crop by hand."""
    made = run.row(row.inputs[0].origin) if row.op == "getitem" and row.inputs else None
    return made is not None and made.kind == "cache" and len(row.inputs[0].last) == 4


def seen_from(run: Run, row: Row, call: Row) -> Location | None:
    """The line of a row as seen from the function that made a call: helpers it was made in count as their call there."""
    chains = run.recording.chains
    inner, outer = chains[row.chain].sites, chains[call.chain].sites
    common = calls_in_common(inner, outer)
    step = len(inner) - common - 1
    if step < 0:
        return run.location(row)
    sites = run.recording.sites
    meets = common < len(outer) and sites[inner[step]].function == sites[outer[-1 - common]].function
    return run.location(row, step) if meets else run.location(row)

"""What SG301 says of what a program keeps for the rows of an earlier batch: buffers that it laid out itself, a memory of states."""

from __future__ import annotations

import re

from shapeguard.analysis.cache_rows import handed_in_at, kept_memory
from shapeguard.analysis.failed import failed_op
from shapeguard.analysis.lineage import steps
from shapeguard.analysis.row_order import Mixed
from shapeguard.analysis.run import CACHE_DIMS, NEW_DIMS, Run
from shapeguard.analysis.sides import shape_of, sides
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import Row

_WRITING = frozenset({"setitem", "copy_", "index_copy_"})
_LAYING_OUT = frozenset({"zeros", "empty", "ones", "full", "new_zeros", "new_empty", "zeros_like", "empty_like"})
_KEYS = re.compile(r"\b(x?k|x?v|keys?|values?|key_states?|value_states?|k_new|v_new|new_k|new_v)\b")
_RANK = 4
_STARTING = frozenset({"<module>", "main"})  # where a program is put together, whatever goes wrong in it


def in_buffer(run: Run, code: str, name: str) -> Finding | None:
    """Keys of fewer rows written into the whole of a buffer, (batch, kv_heads, length, head_dim), that an earlier batch was given."""
    failed = failed_op(run)
    if failed is None or failed.clash is None or failed.clash.kind != "dim" or failed.op not in _WRITING:
        return None
    both = {side.label: side for side in sides(run, failed)}
    buffer = both.pop("input", None)
    new = next(iter(both.values()), None)
    if buffer is None or new is None or buffer.value is None or new.value is None or (buffer.dim, new.dim) != (0, 0):
        return None
    ours, theirs = shape_of(buffer.value) or (), shape_of(new.value) or ()
    laid = buffer.hops[-1].row if buffer.hops else None
    keys = len(ours) == len(theirs) == _RANK and _KEYS.search(failed.expression(run, new.label)) is not None
    if laid is None or laid.op not in _LAYING_OUT or not keys or new.size >= buffer.size:
        return None
    return Finding(
        code,
        name,
        Severity.ERROR,
        f"The buffers for keys and values were set up for {buffer.size} rows and are kept, and {new.size} rows come now.",
        location=_set_up(run, laid),
        failed_at=run.failed_at,
        operands=(run.view(buffer.value, CACHE_DIMS), run.view(new.value, NEW_DIMS)),
        mismatch=Mismatch("dim", (buffer.size, new.size), 0),
        lineage=steps(run, list(buffer.hops)),
        fix=Fix(
            "Set them up again when the number of rows is another, or write to the first rows only: `cache[:rows]`."
        ),
    )


def in_memory(run: Run, code: str, name: str) -> Finding | None:
    """States of an earlier batch, (length, batch, features), as XLNet and Transformer-XL keep them."""
    kept = kept_memory(run)
    if kept is None:
        return None
    memory, ids = kept
    rows, wanted = memory.last[1], ids.last[0]
    return Finding(
        code,
        name,
        Severity.ERROR,
        f"`mems` holds the states of {rows} rows of an earlier batch, and {wanted} rows come now.",
        location=handed_in_at(run, "mems") or run.failed_at,
        failed_at=run.failed_at,
        operands=(run.tensor(memory), run.tensor(ids, "", ("batch", "seq"))),
        mismatch=Mismatch("dim", (rows, wanted), 1),
        fix=Fix("Let go of the memory where another batch begins: it belongs to the rows that it was made of."),
    )


def _set_up(run: Run, laid: Row) -> Location | None:
    """Where the code that is running now had the buffer laid out: the running function, else the outermost object of those that run."""
    running = {(frame.file, frame.function) for frame in run.frames if frame.user}
    sites = list(enumerate(run.chain(laid)))
    for step, site in sites:
        if (site.file, site.function) in running and site.function not in _STARTING:
            return run.location(laid, step)
    objects = {function.partition(".")[0] for _, function in running if "." in function}
    built = [step for step, site in sites if site.function.partition(".")[0] in objects]
    return run.location(laid, built[-1]) if built else run.location(laid)


def of_a_cache(found: Mixed) -> bool:
    """Whether it is the rows of a cache that stand in another order."""
    return any(tensor.label.startswith("past_key_values") for tensor in (found.whole, found.single))


def mixed(run: Run, found: Mixed, code: str, name: str) -> Finding:
    """Rows that were repeated as a whole beside rows that were repeated one by one."""
    rows, times = found.tiled.rows, found.tiled.times
    return Finding(
        code,
        name,
        Severity.ERROR,
        f"`{found.tiled.row.op}` lays the {rows} rows one after the other, {times} times; `{found.call.op}` is given them beside rows "
        f"that stand {times} times each before the next: most rows meet another one's.",
        location=run.location(found.tiled.row),
        operands=(run.tensor(found.whole), run.tensor(found.single)),
        fix=Fix(f"Repeat each row where it stands: `repeat_interleave({times}, dim=0)`."),
    )

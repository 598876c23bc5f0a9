"""A sequence longer than what the model has positions for: a table, a causal buffer, or the config's limit."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from shapeguard.analysis.failed import FailedOp, failed_op
from shapeguard.analysis.lineage import Hop, follow
from shapeguard.analysis.lookup import failed_lookup
from shapeguard.analysis.models import Limit, limit_in, limit_of
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.written import whole_trails
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row

_FED = frozenset({"input_ids", "labels", "decoder_input_ids", "inputs_embeds", "decoder_inputs_embeds"})
_BUILDERS = frozenset({"ones", "zeros", "tril", "triu", "arange", "full", "empty", "randn", "rand", "linspace"})
_MADE_FROM_LISTS = frozenset({"tensor", "as_tensor", "LongTensor", "cat", "pad_sequence"})
_RESERVED = 4  # special tokens that a program keeps room for


class Overrun(NamedTuple):
    """How many positions were needed and how many there are; ``length`` is that of the sequence that was fed."""

    needed: int
    allowed: int
    length: int
    failed: FailedOp | None
    limit: Limit | None
    table: Hop | None  # the slice that found less than it asked for
    # Where a buffer's length was limited and the text's was not, or where the text was put together.
    capped: Location | None = None


def overrun(run: Run) -> Overrun | None:
    """The failure as a sequence that has outgrown its positions."""
    if run.failure is None:
        return None
    call = run.failed_row("forward") or run.failed_row("generate")
    limit = limit_of(run, call)
    return (
        _lookup(run, call, limit)
        or _clipped(run)
        or _capped(run)
        or _config(run, call, limit)
        or _refused(run, call, limit)
        or (_reckoned(run) if call is None else None)
    )


def outgrown(run: Run) -> Overrun | None:
    """The failure as a model's call on more positions than its config allows."""
    call = run.failed_row("forward") or run.failed_row("generate")
    return _config(run, call, limit_of(run, call)) if run.failure is not None else None


def _lookup(run: Run, call: Row | None, limit: Limit | None) -> Overrun | None:
    lookup = failed_lookup(run)
    if lookup is None or lookup.role != "position" or lookup.smallest < 0 or run.failed_row("cache") is not None:
        return None
    shape = lookup.ids.shape or ()
    length = max(shape[-1] if shape else lookup.largest + 1, (positions_of(call) if call is not None else None) or 0)
    return Overrun(lookup.largest + 1, lookup.rows, length, lookup.failed, limit, None)


def _clipped(run: Run) -> Overrun | None:
    """A clash in which one side is a slice that asked a buffer for more than it has."""
    failed = failed_op(run)
    if failed is not None and family(failed.op) == "reshape":
        return _laid_out_short(run, failed)
    if failed is None or failed.clash is None or failed.clash.kind != "dim" or family(failed.op) != "broadcast":
        return None
    if failed.op == "copy_":  # the slice is written to: a table that is being filled, not one that is looked up
        return None
    clash = failed.clash
    pairs = ((clash.left, clash.left_dim, clash.sizes), (clash.right, clash.right_dim, clash.sizes[::-1]))
    for label, dim, (own, other) in pairs:
        value = failed.operands.get(label)
        hops = follow(run, value, dim) if value is not None and dim is not None else []
        cut = next((hop for hop in hops if hop.row.op == "getitem" and asked_for(hop) == other > own), None)
        if cut is not None and _is_buffer(run, cut):
            return Overrun(other, own, other, failed, None, cut)
    return None


def _laid_out_short(run: Run, failed: FailedOp) -> Overrun | None:
    """A slice of a table that asked for more than it has, and is then to be laid out as long as what it asked for."""
    value, asked = failed.operands.get("input"), failed.call.args.get("size", failed.call.args.get("shape"))
    hops = follow(run, value, 0) if value is not None else []
    for hop in hops:
        stop = asked_for(hop) if hop.row.op == "getitem" else None
        short = stop is not None and hop.size_before is not None and stop > hop.size_before == hop.size_after
        if stop is not None and short and isinstance(asked, list) and stop in asked and _is_buffer(run, hop):
            return Overrun(stop, hop.size_after, stop, failed, None, hop)
    return None


def _capped(run: Run) -> Overrun | None:
    """A text that is written into a buffer as long as it may be at most: ``min(limit, prompt + new)``, and the prompt is longer."""
    failed = failed_op(run)
    if failed is None or failed.clash is None or failed.clash.kind != "dim" or failed.op not in ("setitem", "copy_"):
        return None
    clash = failed.clash
    value = failed.operands.get(clash.left)
    allowed, needed = clash.sizes
    hops = follow(run, value, clash.left_dim) if value is not None and clash.left_dim is not None else []
    if not hops or hops[-1].row.op not in _BUILDERS or hops[-1].row.inputs or needed <= allowed:
        return None
    for trail in whole_trails(run, hops[-1].row, allowed, hops[-1].after):
        limited = next((spot for spot in trail if spot.kind == "assign" and spot.node_text.startswith("min(")), None)
        if limited is not None:
            place = run.at(limited)
            return Overrun(needed, allowed, needed, failed, None, None, place)
    return None


def asked_for(hop: Hop) -> int | None:
    """Where the slice of this hop's dim ends, as it is written: ``:33`` of a dim of 32 asks for 33."""
    stop = _slice_of(hop)[1]
    return int(stop) if stop.isdecimal() else None


def kept_last(hop: Hop) -> int | None:
    """How many last entries the slice of this hop's dim keeps at most, as it is written: 17 of ``-17:``."""
    start, stop = _slice_of(hop)
    return int(start[1:]) if start.startswith("-") and start[1:].isdecimal() and not stop else None


def _slice_of(hop: Hop) -> tuple[str, str]:
    """Start and stop of the slice of this hop's dim; "" where it is not written."""
    index = hop.row.args.get("index")
    items = index if isinstance(index, list) else [index]
    if hop.before is None or "..." in items or "tensor" in items:
        return "", ""
    dims = [item for item in items if item not in (None, "None")]
    text = dims[hop.before] if hop.before < len(dims) else None
    start, _, stop = text.partition(":") if isinstance(text, str) and ":" in text else ("", "", "")
    return start, stop.partition(":")[0]


def _is_buffer(run: Run, cut: Hop) -> bool:
    """Whether the sliced tensor was built from numbers (or came with the model), not from the data."""
    row = run.row(cut.source.origin) if cut.source is not None else None
    for _ in range(12):
        if row is None:
            return True
        if row.op in _BUILDERS and not row.inputs:
            return True
        if row.kind not in ("op", "concat") or not row.inputs:
            return False
        row = run.row(row.inputs[0].origin)
    return False


def _config(run: Run, call: Row | None, limit: Limit | None) -> Overrun | None:
    """A model's call that failed on more positions than its config allows."""
    length = positions_of(call) if call is not None else None
    if limit is None or length is None or length <= limit.positions or run.failure is None:
        return None
    failed = failed_op(run)
    sizes = failed.clash.sizes if failed is not None and failed.clash is not None else ()
    said = run.failure.exception.type == "ValueError" and "position" in run.failure.exception.message
    if not said and not {length, limit.positions} & set(sizes):
        return None
    return Overrun(length, limit.positions, length, failed, limit, None)


def _refused(run: Run, call: Row | None, limit: Limit | None) -> Overrun | None:
    """A model that refused an input for its length: of labels, or of what a decoder is given."""
    failure = run.failure
    if call is None or failure is None or failure.exception.type != "ValueError":
        return None
    said = {int(number) for number in re.findall(r"\d+", failure.exception.message)}
    about = "position" in failure.exception.message
    for tensor in call.inputs:
        length = tensor.last[1] if len(tensor.last) > 1 else 0
        # A part of a library's model has no config of its own in the run; then the refusal says what is allowed.
        told = limit.positions if limit is not None else max(said - {length}, default=0) if about else 0
        if tensor.label in _FED and length > told > 0 and {length, told} <= said:
            return Overrun(length, told, length, None, limit, None)
    return None


def _reckoned(run: Run) -> Overrun | None:
    """A generation that refused to begin, because the ids it was given and the tokens it was to make outgrow a config's limit."""
    failure = run.failure
    if failure is None or failure.exception.type != "ValueError" or "position" not in failure.exception.message:
        return None
    said = {int(number) for number in re.findall(r"\d+", failure.exception.message)}
    for config in run.of_kind("construct"):
        limit = limit_in(config) if config.op.endswith("Config") else None
        parts = {number - start for number in said if max(said) - number in said for start in (0, 1)}  # a start token
        if limit is not None and limit.positions in said and limit.positions < max(said) and parts:
            made = (run.location(row) for row in reversed(run.rows) if _holds_ids(row, parts))
            place = next((place for place in made if place != run.failed_at), None)
            return Overrun(max(said), limit.positions, max(said), None, limit, None, place)
    return None


def _holds_ids(row: Row, lengths: set[int]) -> bool:
    """Whether the user's code made one text's ids in a row, as long as one of these."""
    out = row.outputs[0] if row.op in _MADE_FROM_LISTS and row.outputs else None
    single = (
        out is not None and out.dtype == "int64" and (len(out.last) == 1 or (len(out.last) == 2 and out.last[0] == 1))
    )
    return single and out is not None and out.last[-1] in lengths


def positions_of(call: Row) -> int | None:
    """Positions of a call: what is cached and what is new."""
    shapes = {tensor.label: tensor.last for tensor in call.inputs}
    new = shapes.get("input_ids") or shapes.get("inputs_embeds") or shapes.get("inputs")
    past = shapes.get("past_key_values.layers[0].keys")
    if new is None or len(new) < 2:
        return None
    return new[1] + (past[2] if past is not None and len(past) == 4 else 0)


def room_kept(run: Run, found: Overrun) -> Location | None:
    """The one place where the program itself minds the limit, and a sequence came through that is longer.

    It takes a few positions off for special tokens, where that was a few too long; or it compares something with the limit.
    """
    if found.limit is None:
        return None
    few = 0 < found.needed - found.allowed <= _RESERVED
    taken: set[tuple[str, int]] = set()
    compared: set[tuple[str, int]] = set()
    for file in run.recording.sources:
        tree = run.sources[file].tree
        names = _called_alike(tree, found.limit.name) if tree is not None else set()
        for node in ast.walk(tree or ast.Module([], [])):
            match node:
                case ast.BinOp(left=left, op=ast.Sub(), right=ast.Constant(value=int(few_off))):
                    if few and 0 < few_off <= _RESERVED and _last_name(left) in names:
                        taken.add((file, node.lineno))
                case ast.Compare(comparators=[right]) if _last_name(right) in names:
                    compared.add((file, node.lineno))
    places = taken or compared
    return run.place(*places.pop()) if len(places) == 1 else None


def _last_name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def _called_alike(tree: ast.Module, field: str) -> set[str]:
    """What else a field of the config is called in a file: names it is given to, arguments it is handed over as."""
    names = {field}
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg=str(name), value=ast.Attribute(attr=attr)) if attr == field:
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name)], value=ast.Attribute(attr=attr)) if (
                attr == field
            ):
                names.add(name)
    return names

"""Positions that went wrong, mostly with nothing failing: heads turned for positions, steps that all stand at one place."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.counted_along import FromZero, Restarted, relative_from_zero, restarted, turned_alike
from shapeguard.analysis.rotary import ByHeads, Spread, by_heads, merged_keys
from shapeguard.analysis.run import Run
from shapeguard.rules.base import once
from shapeguard.values.findings import Finding, Fix, Mismatch, Severity
from shapeguard.values.recording import Row
from shapeguard.values.shapes import format_shape


def turned_wrongly(run: Run, code: str, name: str) -> Iterator[Finding]:
    """Each place once."""
    if run.failure is None:
        yield from once(_by_heads(run, found, code, name) for found in by_heads(run))
        yield from once(_merged(run, row, code, name) for row in merged_keys(run))


def spread_out(run: Run, found: Spread, code: str, name: str) -> Finding:
    """The states of one new token, turned to all positions of a table at once."""
    return Finding(
        code,
        name,
        Severity.ERROR,
        f"The states of one position, {format_shape(found.states.last)}, are multiplied with the cosines and sines of "
        f"{found.table.last[-2]}: they become as many positions.",
        location=run.location(found.made, 1) or run.location(found.made),
        failed_at=run.failed_at if run.failure is not None else None,
        operands=(run.tensor(found.states), run.tensor(found.table)),
        mismatch=Mismatch("dim", (1, found.table.last[-2]), 2),
        fix=Fix("Take the rows of the table that belong to the new positions: `cos[past : past + length]`."),
    )


def _by_heads(run: Run, found: ByHeads, code: str, name: str) -> Finding:
    heads, length = found.states.last[1:3]
    return Finding(
        code,
        name,
        Severity.ERROR,
        f"The table {format_shape(found.table.last)} meets states {format_shape(found.states.last)} along their {heads} heads: each head "
        f"is turned by its own number, and the {length} positions all alike.",
        location=run.location(found.made),
        operands=(run.tensor(found.states, "", ("batch", "heads", "seq", "head_dim")), run.tensor(found.table)),
        mismatch=Mismatch("dim", (heads, length), 1),
        fix=Fix(
            "Count the table along the sequence and lay it out for it: (1, 1, seq, head_dim), or turn before the transpose."
        ),
    )


def _merged(run: Run, row: Row, code: str, name: str) -> Finding:
    lengths = [tensor.last[2] for tensor in row.inputs]
    return Finding(
        code,
        name,
        Severity.ERROR,
        f"Keys of {len(lengths)} caches ({', '.join(map(str, lengths))} positions) are put one behind the other: each was turned to "
        "positions from 0 on, and keeps them.",
        location=run.location(row),
        operands=tuple(map(run.tensor, row.inputs)),
        fix=Fix("Run the texts through the model as one, or turn the keys of each by the length of those before it."),
    )


def standing_still(run: Run, code: str, name: str) -> Iterator[Finding]:
    """The first place at which every step of one token stands at the same position, while the keys of earlier steps are kept."""
    for found in restarted(run):
        yield _standing(
            run, found, code, name, "Each step of one token looks up position 0", "first",
            "Begin where the cache ends: `torch.arange(past, past + new)`.",
        )  # fmt: skip
        return
    for relative in relative_from_zero(run):
        yield _relative(run, relative, code, name)
        return
    for found in turned_alike(run):
        yield _standing(
            run, found, code, name,
            f"The angles of one position are made once (`{found.counted.op}`) and turn the token of every step", "same",
            "Make the angles of each step from how many positions are cached, or keep them by the position, not by the length alone.",
        )  # fmt: skip
        return


def _relative(run: Run, found: FromZero, code: str, name: str) -> Finding:
    return Finding(
        code,
        name,
        Severity.ERROR,
        f"The query of each step is counted from position 0, and its {found.keys} keys, {found.keys - 1} of them kept from earlier steps, "
        "from 0 as well: it is taken for the first token, whatever stands before it.",
        location=run.location(found.counted),
        operands=tuple(map(run.tensor, found.difference.inputs)),
        mismatch=Mismatch("count", (found.keys, 1)),
        fix=Fix("Count the queries from the end of what is kept: `torch.arange(k_len - q_len, k_len)`."),
    )


def _standing(run: Run, found: Restarted, code: str, name: str, said: str, where: str, fix: str) -> Finding:
    keys = found.attention.inputs[1]
    kept = keys.last[-2]
    return Finding(
        code,
        name,
        Severity.ERROR,
        f"{said}, while the attention keeps the keys of earlier steps ({kept} by then): the tokens all stand at the {where} position.",
        location=run.location(found.counted),
        operands=(run.tensor(found.lookup.inputs[0]), run.tensor(keys)),
        mismatch=Mismatch("count", (kept, 1)),
        fix=Fix(fix),
    )

"""A recording of level ``all`` as those of level ``user`` are: what a library does behind a call is no operation of the program."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from shapeguard.values.recording import Failure, FrameInfo, Recording, Row, TensorArg

Numbers = Mapping[int | None, int | None]  # of rows: as they were recorded, as they are now; None: no row any more


def own_rows(recording: Recording) -> Recording:
    """The recording without the library's own ops; what they made is born outside, as it is where they are not recorded."""
    if recording.header.level != "all":
        return recording
    within = _of_libraries(recording)
    kept = [row for row in recording.rows if row.id not in within]
    numbers: Numbers = {row.id: number for number, row in enumerate(kept)}
    built: Numbers = {number: numbers[layer] for number, layer in within.items() if layer is not None}
    rows = [_renumbered(row, number, numbers) for number, row in enumerate(kept)]
    failures = [_failure(failure, numbers, {**numbers, **built}) for failure in recording.failures]
    return msgspec.structs.replace(recording, rows=rows, failures=failures)


def _of_libraries(recording: Recording) -> dict[int, int | None]:
    """The ops that ran behind a call that has a row of its own, or while a library's module was built: then with that row.

    They have the same chain of calls, which ends where the user's code does. Python 3.10 tells no columns: there the user's own
    ops of a line cannot be told from them.
    """
    calls: dict[int, int] = {}
    built: dict[int, int] = {}
    for row in recording.rows:
        if row.kind == "construct":
            built[row.chain] = row.id
        elif not _is_operation(row) and row.kind != "concat":
            calls[row.chain] = max(row.last_at, calls.get(row.chain, 0))
    found: dict[int, int | None] = {}
    for row in recording.rows:
        sites = recording.chains[row.chain].sites
        if _is_operation(row) and sites and recording.sites[sites[0]].col >= 0:
            if row.chain in built:
                found[row.id] = built[row.chain]
            elif row.first_at < calls.get(row.chain, 0):
                found[row.id] = None
    return found


def _is_operation(row: Row) -> bool:
    return row.kind == "op" or row.op == "scaled_dot_product_attention"


def _renumbered(row: Row, number: int, numbers: Numbers) -> Row:
    inputs, outputs = (tuple(_tensor(tensor, numbers) for tensor in side) for side in (row.inputs, row.outputs))
    return msgspec.structs.replace(row, id=number, owner=numbers.get(row.owner), inputs=inputs, outputs=outputs)


def _tensor(tensor: TensorArg, numbers: Numbers) -> TensorArg:
    return msgspec.structs.replace(
        tensor, origin=numbers.get(tensor.origin), first_origin=numbers.get(tensor.first_origin)
    )


def _failure(failure: Failure, numbers: Numbers, parameters: Numbers) -> Failure:
    """In the user's frames a parameter leads to the layer that was built with it."""
    frames = tuple(_frame(frame, parameters if frame.user else numbers) for frame in failure.frames)
    return msgspec.structs.replace(failure, frames=frames, row=numbers.get(failure.row))


def _frame(frame: FrameInfo, numbers: Numbers) -> FrameInfo:
    operands, names = (
        tuple(msgspec.structs.replace(value, origin=numbers.get(value.origin)) for value in values)
        for values in (frame.operands, frame.locals)
    )
    return msgspec.structs.replace(frame, operands=operands, locals=names, owner=numbers.get(frame.owner))

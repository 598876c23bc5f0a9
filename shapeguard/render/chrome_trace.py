"""The calls as a trace for Perfetto or chrome://tracing. Its times are ordinal: one unit a folded row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from shapeguard.render.words import place, shape_text, title
from shapeguard.values.findings import CallRow, Report, ShapeRange, StepRow
from shapeguard.values.shapes import format_range

Event = dict[str, object]

CLOCK = "ordinal: an event's start is its place in the recording, its length is 1; neither is a time"


def render(report: Report) -> str:
    """The trace event format's JSON object. Each run has a lane a kind of call and counters for the cache by step."""
    events: list[Event] = []
    runs = [("run", report.calls, report.steps)]
    if report.comparison is not None:
        sides = (report.comparison.left, report.comparison.right)
        runs = [(f"{side.title} {side.script}".strip(), side.calls, side.steps) for side in sides]
    for number, (name, calls, steps) in enumerate(runs):
        events += _lanes(name, calls, 2 * number + 1)
        events += _counters(f"{name}: cache by step", steps, 2 * number + 2)
    metadata = {
        "schema": report.schema,
        "clock": CLOCK,
        "outcome": report.outcome,
        "argv": list(report.run.argv),
        "findings": [title(finding) for finding in report.findings],
        "environment": report.environment,
    }
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ns", "metadata": metadata}, indent=1) + "\n"


def _lanes(name: str, calls: Sequence[CallRow], process: int) -> Iterator[Event]:
    yield _named("process_name", name, process, 0)
    kinds = list(dict.fromkeys(call.kind for call in calls))
    for lane, kind in enumerate(kinds, start=1):
        yield _named("thread_name", kind, process, lane)
    for start, call in enumerate(calls):
        lane = kinds.index(call.kind) + 1
        common = {"pid": process, "tid": lane, "ts": start}
        yield {"name": call.op, "cat": call.kind, "ph": "X", "dur": 1, "args": _arguments(call), **common}
        if call.error:
            yield {"name": call.error, "cat": "error", "ph": "i", "s": "p", **common}


def _named(what: str, name: str, process: int, thread: int) -> Event:
    return {"name": what, "ph": "M", "pid": process, "tid": thread, "args": {"name": name}}


def _arguments(call: CallRow) -> dict[str, object]:
    arguments: dict[str, object] = {"count": call.count}
    if call.location is not None:
        arguments |= {"at": place(call.location), "source": call.location.source}
    if call.module:
        arguments["module"] = call.module
    arguments |= {f"in {number}": _tensor(tensor) for number, tensor in enumerate(call.inputs)}
    arguments |= {f"out {number}": _tensor(tensor) for number, tensor in enumerate(call.outputs)}
    if call.error:
        arguments["error"] = call.error
    return arguments | {f"fact {name}": value for name, value in call.facts.items()}


def _tensor(tensor: ShapeRange) -> str:
    parts = (tensor.label, format_range(tensor.first, tensor.last), tensor.dtype, tensor.device)
    return " ".join(part for part in parts if part)


def _counters(name: str, steps: Sequence[StepRow], process: int) -> Iterator[Event]:
    if not steps:
        return
    yield _named("process_name", name, process, 0)
    for step in steps:
        common = {"ph": "C", "pid": process, "tid": 0, "ts": step.step}
        yield {"name": "cache length", "args": {"tokens": step.cache_length or 0}, **common}
        yield {"name": "cache rows", "args": {"rows": step.cache_rows or 0}, **common}
        if not step.agrees:
            said = step.remark or f"input {shape_text(step.input_ids)} does not agree"
            yield {"name": said, "cat": "error", "ph": "i", "s": "p", "pid": process, "tid": 0, "ts": step.step}

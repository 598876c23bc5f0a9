"""The trace holds the rows in order and says that its clock is none."""

from __future__ import annotations

import json

import pytest

from shapeguard.render.chrome_trace import CLOCK, render
from tests.render import samples


@pytest.mark.parametrize("name", samples.ALL)
def test_every_event_has_what_the_format_asks(name: str) -> None:
    trace = json.loads(render(samples.ALL[name]))
    assert trace["metadata"]["clock"] == CLOCK
    assert CLOCK.startswith("ordinal")
    for event in trace["traceEvents"]:
        assert {"name", "ph", "pid", "tid"} <= event.keys()
        assert event["ph"] == "M" or isinstance(event["ts"], int)
        assert event["ph"] != "X" or event["dur"] > 0


def test_rows_stand_in_their_order_with_their_shapes() -> None:
    events = [e for e in json.loads(render(samples.SILENT))["traceEvents"] if e["ph"] == "X"]
    assert [event["ts"] for event in events] == list(range(len(samples.SILENT.calls)))
    assert [event["name"] for event in events] == [call.op for call in samples.SILENT.calls]
    attention = events[3]
    assert attention["args"]["in 1"] == "key (4, 2, 18→29, 16) float32 cpu"
    assert attention["args"]["count"] == 12
    assert attention["args"]["module"] == "model.layers.0.self_attn"


def test_both_runs_of_a_comparison_are_processes_of_their_own() -> None:
    events = json.loads(render(samples.CRASH))["traceEvents"]
    names = [event["args"]["name"] for event in events if event["name"] == "process_name"]
    assert names == [
        "failing run examples/batched_generation.py",
        "failing run examples/batched_generation.py: cache by step",
        "reference run examples/reference_generation.py",
        "reference run examples/reference_generation.py: cache by step",
    ]
    assert any(event["ph"] == "i" and "Sizes of tensors" in event["name"] for event in events)
    assert [e["args"]["rows"] for e in events if e["name"] == "cache rows" and e["pid"] == 4][:4] == [0, 4, 4, 3]

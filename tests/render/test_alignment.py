"""Two runs laid side by side, and the charts of them."""

from __future__ import annotations

from shapeguard.render.alignment import INPUTS, align, by_layer, output_rows
from shapeguard.render.chart import charts
from shapeguard.values.findings import Comparison, RunView, StepRow
from tests.render import samples


def test_each_quantity_agrees_parts_or_is_over() -> None:
    assert samples.CRASH.comparison is not None
    steps = align(samples.CRASH.comparison, INPUTS)
    assert [step.step for step in steps] == list(range(12))
    assert [pair.state for pair in steps[0].pairs] == ["same", "parts", "same", "same", "same"]
    assert [pair.state for pair in steps[3].pairs] == ["parts", "parts", "parts", "parts", "same"]
    assert {pair.state for pair in steps[7].pairs} == {"ended"}
    assert [step.step for step in steps if step.parts] == list(range(7))


def test_steps_are_matched_by_number_not_by_place() -> None:
    left = RunView("a", "completed", steps=(StepRow(0, (1, 5)), StepRow(2, (1, 1))))
    right = RunView("b", "completed", steps=(StepRow(1, (1, 1)), StepRow(2, (1, 1))))
    steps = align(Comparison(left, right), INPUTS)
    assert [(s.left is None, s.right is None) for s in steps] == [(False, True), (True, False), (False, False)]


def test_prompts_without_outputs_keep_their_row() -> None:
    rows = output_rows(Comparison(RunView("a", "crashed"), RunView("b", "completed", outputs=("x", "y")), (), ("p",)))
    assert rows == [("p", None, "x"), ("", None, "y")]


def test_layers_that_saw_the_same_are_one_group() -> None:
    groups = by_layer(samples.attention_calls(4, 29, 12), frozenset({"cache", "attention"}))
    modules = ("model.layers.0.self_attn", "model.layers.1.self_attn")
    assert [(group.call.op, group.modules) for group in groups] == [
        ("DynamicLayer.update", modules),
        ("sdpa", modules),
    ]


def test_charts_stay_small_and_inside_their_frame() -> None:
    comparison = samples.long_report().comparison
    assert comparison is not None
    drawn = charts(comparison)
    assert [chart.title for chart in drawn] == ["Rows of the input", "Rows of the cache", "Length of the cache"]
    for chart in drawn:
        for series in chart.series:
            assert len(series.path) < 6000
            assert 0 <= series.end[0] <= chart.width
            assert 0 <= series.end[1] <= chart.height


def test_no_steps_no_charts() -> None:
    assert charts(Comparison(RunView("a", "completed"), RunView("b", "completed"))) == []

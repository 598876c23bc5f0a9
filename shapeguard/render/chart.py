"""Small line charts as plain numbers for inline SVG: one quantity over the steps of two runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from shapeguard.values.findings import Comparison, RunView, StepRow

WIDTH, HEIGHT = 340, 150
LEFT, RIGHT, TOP, BOTTOM = 34, 12, 10, 22
_MOST_POINTS = 240


class Tick(NamedTuple):
    """A labelled place on an axis."""

    at: float
    text: str


class Series(NamedTuple):
    """One run's line: an SVG path, and where it ends."""

    title: str
    path: str
    end: tuple[float, float]
    crashed: bool


class Chart(NamedTuple):
    """One chart with all it needs to be drawn; ``said`` is the text for those who cannot see it."""

    title: str
    series: tuple[Series, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    said: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


_QUANTITIES: tuple[tuple[str, Callable[[StepRow], int | None]], ...] = (
    ("Rows of the input", lambda step: step.input_ids[0] if step.input_ids else None),
    ("Rows of the cache", lambda step: step.cache_rows),
    ("Length of the cache", lambda step: step.cache_length),
)


def charts(comparison: Comparison) -> list[Chart]:
    """The charts for which either run has numbers."""
    drawn = [_chart(title, of, comparison) for title, of in _QUANTITIES]
    return [chart for chart in drawn if chart is not None]


def _chart(title: str, of: Callable[[StepRow], int | None], comparison: Comparison) -> Chart | None:
    runs = [(run, _points(run, of)) for run in (comparison.left, comparison.right)]
    points = [point for _, some in runs for point in some]
    if not points:
        return None
    last = max(max(step for step, _ in points), 1)
    top = _round_up(max(value for _, value in points))
    said = "; ".join(f"{run.title} {some[0][1]} to {some[-1][1]}" for run, some in runs if some)
    return Chart(
        title,
        tuple(_series(run, some, last, top) for run, some in runs if some),
        tuple(Tick(_x(step, last), str(step)) for step in dict.fromkeys((0, last // 2, last))),
        tuple(Tick(_y(value, top), str(value)) for value in dict.fromkeys((0, top // 2, top))),
        f"{title} over {last + 1} steps: {said}",
    )


def _points(run: RunView, of: Callable[[StepRow], int | None]) -> list[tuple[int, int]]:
    points = [(step.step, value) for step in run.steps if (value := of(step)) is not None]
    stride = math.ceil(len(points) / _MOST_POINTS)
    return points if stride <= 1 else [*points[:-1:stride], points[-1]]


def _series(run: RunView, points: Sequence[tuple[int, int]], last: int, top: int) -> Series:
    """The line as steps: the number of a step holds until the next."""
    x, y = _x(points[0][0], last), _y(points[0][1], top)
    path = f"M{x:g} {y:g}"
    for step, value in points[1:]:
        x, y = _x(step, last), _y(value, top)
        path += f"H{x:g}V{y:g}"
    return Series(run.title, path, (x, y), run.outcome == "crashed")


def _x(step: int, last: int) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * step / last, 1)


def _y(value: int, top: int) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top, 1)


def _round_up(value: int) -> int:
    """The next number that reads well at the top of an axis, and has a whole half."""
    if value <= 2:
        return 2
    unit = 10 ** int(math.log10(value)) // 5 or 2
    return -(-value // (unit * 2)) * unit * 2 if value > 10 else value + value % 2

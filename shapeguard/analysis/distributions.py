"""Values that a distribution refuses: of a shape that does not broadcast to its own, or numbers it has no outcome for."""

from __future__ import annotations

import re
from typing import NamedTuple

from shapeguard.analysis.run import Run
from shapeguard.values.recording import NamedValue

_BOUNDS = re.compile(r"lower_bound=(-?\d+), upper_bound=(-?\d+)")


class RefusedValue(NamedTuple):
    """The value that was given, and its two sizes that clash: (given, the distribution's), or (number, outcomes)."""

    value: NamedValue
    sizes: tuple[int, int]
    dim: int | None
    of_shape: bool


def refused_value(run: Run) -> RefusedValue | None:
    """The failure as a distribution's refusal of a value."""
    frame = run.inner_frame
    if frame is None or frame.user or not frame.function.endswith("_validate_sample") or run.failure is None:
        return None
    known = {value.expression: value for value in frame.locals}
    value, own, got = (known.get(name) for name in ("value", "expected_shape", "actual_shape"))
    if value is None or value.shape is None:
        return None
    bounds = _BOUNDS.search(run.failure.exception.message)
    if bounds is not None and isinstance(value.value, list) and not isinstance(value.value[1], str):
        largest, outcomes = int(value.value[1]), int(bounds[2]) + 1
        return RefusedValue(value, (largest, outcomes), None, False) if largest >= outcomes else None
    if own is None or got is None or not isinstance(own.value, list):
        return None
    pairs = zip(range(len(value.shape) - 1, -1, -1), value.shape[::-1], own.value[::-1], strict=False)
    odd = next(((dim, a, int(b)) for dim, a, b in pairs if a != b and 1 not in (a, b)), None)
    return RefusedValue(value, odd[1:], odd[0], True) if odd is not None else None

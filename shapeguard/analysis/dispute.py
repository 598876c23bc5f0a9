"""Two sides of a failed op that disagree in a size, and what is known of both when one is to be blamed."""

from __future__ import annotations

from typing import NamedTuple

from shapeguard.analysis.causes import Cause, How, cause, statement_here
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.sides import Side, sides
from shapeguard.values.findings import Location


class Dispute(NamedTuple):
    """A clash with its two sides, and where each of the sizes was decided."""

    run: Run
    failed: FailedOp
    both: list[Side]
    causes: list[Cause]

    def blame(self, index: int, place: Location | None = None, how: How | None = None) -> Cause:
        """The cause of a side: at a place, if one is known better than where its size was decided."""
        known = self.causes[index]
        return known._replace(location=place or known.location, how=how or known.how)

    def agreed_by_others(self, index: int) -> bool:
        """Whether operands beside the two have the size of a side where it has it: of those that are joined."""
        side, labels = self.both[index], {side.label for side in self.both}
        others = [shape for label, shape in self.failed.call.tensors if label not in labels]
        dim = side.dim if side.dim is not None and family(self.failed.op) == "concat" else None
        return dim is not None and any(dim < len(shape) and shape[dim] == side.size for shape in others)

    def here(self, index: int) -> Cause:
        """A side that the failing statement itself is to bring to the other's size."""
        return self.blame(index, statement_here(self.run), "here")


def dispute_of(run: Run, failed: FailedOp) -> Dispute | None:
    """The sides of a failed op's clash; None where it has none."""
    both = sides(run, failed)
    return Dispute(run, failed, both, [cause(run, failed, side) for side in both]) if both else None

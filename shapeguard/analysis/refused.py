"""Images and spectrograms of a size that a transformers model refuses: its config has another."""

from __future__ import annotations

import re
from typing import NamedTuple

from shapeguard.analysis.lineage import Hop, follow
from shapeguard.analysis.loading import collated_at
from shapeguard.analysis.placeholders import placeholders
from shapeguard.analysis.run import Run
from shapeguard.analysis.written import written
from shapeguard.values.findings import Location
from shapeguard.values.recording import TensorArg

# By their names the numbers of dims in which images and spectrograms come; patches that were cut already have fewer.
_RANKS = {"pixel_values": (4, 5), "pixel_values_videos": (5,), "input_features": (3,)}


class Refused(NamedTuple):
    """The input, the dimension whose size was refused, that size, and the one that is wanted."""

    tensor: TensorArg
    dim: int
    size: int
    wanted: int
    hops: tuple[Hop, ...]
    channels_last: bool = False  # the size that is wanted stands in the last dimension

    def location(self, run: Run) -> Location | None:
        """Where the size was chosen; for an image with its channels last, where it became a tensor."""
        last = self.hops[-1] if self.hops else None
        if last is not None and self.channels_last:
            return run.location(last.row)
        if last is None or not last.changed:
            return run.failed_at
        if (collated := collated_at(run, last.row)) is not None:
            return collated
        return (written(run, last.row, self.size, last.after) if last.source is None else None) or run.location(
            last.row
        )


def refused_input(run: Run) -> Refused | None:
    """The failure as a model's refusal of an input for one of its sizes, which the refusal names beside the one it wants."""
    call = run.failed_row("forward") or run.failed_row("generate")
    if call is None or run.failure is None or run.failure.exception.type != "ValueError" or placeholders(run):
        return None  # the last counts features against tokens, which may be any size's number
    said = [int(number) for number in re.findall(r"\d+", run.failure.exception.message)]
    for tensor in call.inputs if len(set(said)) == 2 else ():
        fits = len(tensor.last) in _RANKS.get(tensor.label, ())
        if fits and len(tensor.last) > 3 and {tensor.last[-3], tensor.last[-1]} == set(said):
            dim = len(tensor.last) - 3
            return Refused(tensor, dim, tensor.last[dim], tensor.last[-1], tuple(follow(run, tensor, dim + 2)), True)
        for dim in range(len(tensor.last) - 1, 0, -1) if fits else ():
            if tensor.last[dim] in said:
                size = tensor.last[dim]
                wanted = next(number for number in said if number != size)
                return Refused(tensor, dim, size, wanted, tuple(follow(run, tensor, dim)))
    return None

"""Inputs that a transformers model refuses: images and spectrograms of another size than its config's, or of other dims."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from shapeguard.analysis.lineage import Hop, follow
from shapeguard.analysis.loading import collated_at
from shapeguard.analysis.placeholders import counted
from shapeguard.analysis.run import Run
from shapeguard.analysis.source import parsed_statement, taken_apart
from shapeguard.analysis.written import written
from shapeguard.values.findings import Location
from shapeguard.values.recording import FrameInfo, TensorArg

# By their names the numbers of dims in which images and spectrograms come; patches that were cut already have fewer.
_RANKS = {"pixel_values": (4, 5), "pixel_values_videos": (5,), "input_features": (3,), "past_values": (3,)}

AXES = {  # of the inputs that all models take alike
    "input_ids": ("batch", "seq"),
    "decoder_input_ids": ("batch", "seq"),
    "inputs_embeds": ("batch", "seq", "hidden"),
    "pixel_values": ("batch", "channels", "height", "width"),
    "input_features": ("batch", "bands", "frames"),
}


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


def of_channels(found: Refused) -> bool:
    """Whether the refused size is a number of channels: of an image they come before its sides, of a series last."""
    rank = len(found.tensor.last)
    return found.channels_last or found.dim == (
        2 if found.tensor.label == "past_values" else rank - 3 if rank > 3 else rank
    )


def refused_input(run: Run) -> Refused | None:
    """The failure as a model's refusal of an input for one of its sizes, which the refusal names beside the one it wants."""
    call = run.failed_row("forward") or run.failed_row("generate")
    if call is None or run.failure is None or run.failure.exception.type != "ValueError" or counted(run):
        return None  # the last counts features against tokens, which may be any size's number
    if odd_rank(run) is not None:
        return None
    said = _compared(run)
    for tensor in call.inputs if len(set(said)) == 2 else ():
        fits = len(tensor.last) in _RANKS.get(tensor.label, ())
        dim = max(len(tensor.last) - 3, 1)  # of channels, or of a spectrogram's bands
        if fits and {tensor.last[dim], tensor.last[-1]} == set(said):
            last = tuple(follow(run, tensor, len(tensor.last) - 1))
            return Refused(tensor, dim, tensor.last[dim], tensor.last[-1], last, True)
        for dim in range(len(tensor.last) - 1, 0, -1) if fits else ():
            if tensor.last[dim] in said:
                size = tensor.last[dim]
                wanted = next(number for number in said if number != size)
                return Refused(tensor, dim, size, wanted, tuple(follow(run, tensor, dim)))
    return None


def _compared(run: Run) -> list[int]:
    """The two numbers for whose difference the model refused: those it compared, else those that it says."""
    frame, failure = run.inner_frame, run.failure
    if frame is not None and "batch" in frame.expression:
        return []  # rows of two inputs
    seen = [v.value for v in frame.operands if type(v.value) is int] if frame is not None and frame.op == "ne" else []
    if len(seen) == 2:
        return seen
    return [int(number) for number in re.findall(r"\d+", failure.exception.message)] if failure is not None else []


def odd_rank(run: Run) -> tuple[TensorArg, int] | None:
    """(input, dims it should have) of a model's call that failed because one of its inputs has too few or too many dims."""
    call, frame, failure = run.failed_row("forward", "generate"), run.inner_frame, run.failure
    if call is None or frame is None or frame.user or failure is None:
        return None
    for tensor in call.inputs:
        wanted = len(AXES.get(tensor.label, ()))
        if wanted and len(tensor.last) == 1:
            return tensor, wanted  # nothing is taken without an axis for its rows
        channels = frame.operands[0].value if frame.op == "ne" and "channel" in frame.expression else None
        wrong = len(tensor.last) == 3 or (len(tensor.last) == 5 and tensor.last[1] != tensor.last[2])
        if tensor.label == "pixel_values" and wrong and channels == tensor.last[1]:
            return tensor, 4  # the model counts channels in the second dim, in which this one has something else
    taken = _shape_taken_apart(frame)
    if taken is None:
        return None
    names, shape = taken
    if len(shape) == names:
        return None
    same = (tensor for tensor in call.inputs if tensor.last == shape)
    # What a layer has made of an input has its dims still.
    alike = (t for t in call.inputs if len(t.last) == len(shape) and len(AXES.get(t.label, ())) == names)
    given = next(same, None) or next(alike, None)
    return (given, names) if given is not None else None


def _shape_taken_apart(frame: FrameInfo) -> tuple[int, tuple[int, ...]] | None:
    """(names, shape) of a library's frame that takes a shape apart."""
    taken = taken_apart(parsed_statement(frame.source))
    if taken is None:
        return None
    names, text = taken[0], ast.unparse(taken[1])
    for value in (*frame.operands, *frame.locals):
        if value.expression in (text.removesuffix(".shape"), text.removesuffix(".size()")) and value.shape is not None:
            return names, value.shape
        if value.expression == text and value.shape is None and isinstance(value.value, list):
            return names, tuple(int(size) for size in value.value)
    return None

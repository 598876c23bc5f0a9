"""Whose a parameter is: the layer that holds it, asked for only when something has failed."""

from __future__ import annotations

from typing import Any

from shapeguard.capture.recorder import Recorder


def layer_of(recorder: Recorder, torch: Any, value: Any, own: Any) -> int | None:
    """The row in which the layer was built that has this tensor, or its detached self, as parameter or buffer; not ``own``."""
    for made, row in list(recorder.origins.values()):
        layer = made()
        if isinstance(layer, torch.nn.Module) and layer is not own:
            held = (*layer._parameters.values(), *layer._buffers.values())
            if any(kept is not None and _same_memory(kept, value) for kept in held):
                return row
    return None


def _same_memory(one: Any, other: Any) -> bool:
    """Whether two tensors are one, or one the other's detached self, as a state dict has it."""
    return one is other or (
        one.shape == other.shape and one.device == other.device and one.data_ptr() == other.data_ptr() != 0
    )

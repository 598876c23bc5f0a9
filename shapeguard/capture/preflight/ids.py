"""Ids beyond the embedding, named before a GPU looks them up: there the lookup ends the whole CUDA context.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import torch
from torch._C import DisableTorchFunction, _len_torch_dispatch_stack
from torch.utils._python_dispatch import _disable_current_modes

# Where a lookup out of range is an assertion on the device, after which every call of the process fails. On the CPU it is
# an exception like any other, and the program's own.
POISONED = {"cuda", "xpu"}


def extremes(ids: Any) -> tuple[int, int] | None:
    """The smallest and the largest id, by one reduction; None where there is nothing to reduce."""
    if type(ids) is not torch.Tensor or ids.device.type == "meta" or ids.is_floating_point() or ids.is_complex():
        return None
    if ids.dtype is torch.bool or not ids.numel():
        return None
    # Neither our own mode nor the program's is to see what we ask.
    unseen = _disable_current_modes() if _len_torch_dispatch_stack() else contextlib.nullcontext()
    with DisableTorchFunction(), torch.no_grad(), unseen:
        smallest, largest = torch.stack(torch.aminmax(ids)).tolist()
    return smallest, largest


def doomed(model: Any, given: Mapping[str, Any], found: tuple[int, int] | None, rows: int | None) -> str:
    """What is to be said instead of letting a GPU look these ids up; "" where they may go on.

    Only where it is sure: a plain embedding, and no images, sounds or embeddings that would take the ids' place.
    """
    if found is None or rows is None or (found[0] >= 0 and found[1] < rows):
        return ""
    others = [value for name, value in given.items() if isinstance(value, torch.Tensor) and name != "attention_mask"]
    if any(value.is_floating_point() for value in others) or given.get("inputs_embeds") is not None:
        return ""
    device = model.get_input_embeddings().weight.device
    if device.type not in POISONED:
        return ""
    odd = found[0] if found[0] < 0 else found[1]
    return (
        f"token id {odd} is looked up in an embedding of {rows} rows (ids 0 to {rows - 1}). On {device} that is a device-side "
        "assert, after which every call fails; shapeguard stopped generate() before the model ran."
    )

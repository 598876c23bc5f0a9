"""A checkpoint's tensors against the model's parameters."""

from __future__ import annotations

from shapeguard.analysis.semantics.axes import same_shape
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound


@register("load_state_dict", "_load_from_state_dict", params="*tensors")
def load_state_dict(call: Bound) -> None:
    """Operands come in pairs: what the checkpoint holds, what the model wants. Sizes are (model's, checkpoint's)."""
    for held, wanted in zip(call.all[::2], call.all[1::2], strict=False):
        same_shape(wanted, held)

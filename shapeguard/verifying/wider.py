"""The same model in a wider dtype: what remains of a difference there is no rounding.

A copy is not enough: models cast to float32 in their norms, softmax and rotary tables, and ``generate`` casts the
logits. In a copy in float64 those casts would round as before, or hide that anything differs, so they are widened too.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.overrides import TorchFunctionMode

from shapeguard.verifying.compare import name

WIDER = {torch.float16: torch.float32, torch.bfloat16: torch.float32, torch.float32: torch.float64}
_CASTS = {
    torch.Tensor.half: torch.float16,
    torch.Tensor.bfloat16: torch.bfloat16,
    torch.Tensor.float: torch.float32,
}


class Subject(NamedTuple):
    """The model that is run again, and why it is not a wider one where it is not."""

    model: Any
    dtype: torch.dtype
    copied: bool
    trouble: str = ""


class Widened(TorchFunctionMode):
    """Every cast to a narrower float becomes one to ``wide``."""

    def __init__(self, wide: torch.dtype) -> None:
        super().__init__()
        self._wide = wide
        self._narrow = {torch.float16, torch.bfloat16, torch.float32} - {wide}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if _CASTS.get(func) in self._narrow:
            return args[0].to(self._wide)
        kwargs = {key: self._of(value) for key, value in (kwargs or {}).items()}
        return func(*map(self._of, args), **kwargs)

    def _of(self, value: Any) -> Any:
        return self._wide if isinstance(value, torch.dtype) and value in self._narrow else value


@contextlib.contextmanager
def computing_in(dtype: torch.dtype, widened: bool) -> Iterator[None]:
    """Casts widened to this dtype, where a wider copy runs."""
    if not widened:
        yield
        return
    with Widened(dtype):
        yield


def widened(model: Any, dtype: torch.dtype) -> Subject:
    """A copy of the model in the next wider dtype; the model itself where there is none, or no room for one."""
    wide = WIDER.get(dtype)
    if wide is None:
        return Subject(model, dtype, False, f"no dtype wider than {name(dtype)} to repeat it in")
    need = sum(tensor.numel() for tensor in model.parameters()) * wide.itemsize
    device = next(model.parameters()).device
    free = _free(device)
    if free is not None and need > 0.8 * free:
        return Subject(
            model,
            dtype,
            False,
            f"not repeated in {name(wide)}: needs {need / 1e9:.1f} GB, {free / 1e9:.1f} GB are free",
        )
    try:
        return Subject(copy.deepcopy(model).to(wide), wide, True)
    except Exception as error:  # quantized weights, hooks of a sharded model, a device without that dtype
        return Subject(model, dtype, False, f"not repeated in {name(wide)}: {type(error).__name__}: {_first(error)}")


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:120]


def _free(device: torch.device) -> int | None:
    """Bytes that are free on a device; None where nobody tells."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    with contextlib.suppress(OSError, LookupError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    return None

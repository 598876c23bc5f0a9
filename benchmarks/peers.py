"""Other ways to watch the same work. What is not installed is left out: pip install torchlens tensor-sensor matplotlib."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import torch
from measure import Watch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode


class EmptyFunctionMode(TorchFunctionMode):
    """Sees every call and does nothing: what any function mode costs at the least."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


class NaiveRecorder(TorchFunctionMode):
    """A row for each call with the shapes of what goes in and comes out, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Any] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        shapes = [tuple(value.shape) for value in args if isinstance(value, torch.Tensor)]
        made = tuple(result.shape) if isinstance(result, torch.Tensor) else None
        self.rows.append((getattr(func, "__name__", ""), shapes, made))
        return result


class EmptyDispatchMode(TorchDispatchMode):
    """The same below autograd."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def _profiler() -> Any:
    return torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True)


def _debug_mode() -> Any:
    from torch.utils._debug_mode import DebugMode

    return DebugMode()


@contextlib.contextmanager
def _model_debugger(model: Any) -> Iterator[None]:
    """transformers' own: a JSON file for each forward. It leaves ``forward`` on the modules, which is undone here."""
    from transformers.model_debugging_utils import model_addition_debugger_context

    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as silence:
        before = {module: vars(module).get("forward") for module in model.modules()}
        try:
            with contextlib.redirect_stdout(silence), model_addition_debugger_context(model, debug_path=folder):
                yield
        finally:
            for module, forward in before.items():
                vars(module).pop("forward", None)
                if forward is not None:
                    module.forward = forward


def _tensor_sensor() -> Any:
    import tsensor

    return tsensor.clarify(show=None)


def installed(*names: str) -> bool:
    """Whether these packages can be imported."""
    return all(importlib.util.find_spec(name) for name in names)


def peers(model: Any) -> dict[str, Watch]:
    """Contexts around a generation of this model."""
    found: dict[str, Watch] = {
        "empty TorchFunctionMode": EmptyFunctionMode,
        "naive TorchFunctionMode with shapes": NaiveRecorder,
        "empty TorchDispatchMode": EmptyDispatchMode,
        "torch profiler, record_shapes": _profiler,
        "DebugMode": _debug_mode,
        "transformers' model debugger": lambda: _model_debugger(model),
    }
    if installed("tsensor", "matplotlib"):
        found["TensorSensor"] = _tensor_sensor
    return found


def torchlens_forward(model: Any, ids: torch.Tensor) -> Any:
    """One forward pass under torchlens, which is no context: it is held against a bare forward."""
    import torchlens

    return torchlens.trace(model, ids)

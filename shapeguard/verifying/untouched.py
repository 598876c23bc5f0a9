"""What a verification may move on the way and puts back: modes and buffers of modules, random numbers, padding, loggers."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn


@contextlib.contextmanager
def untouched(model: Any = None, tokenizer: Any = None) -> Iterator[None]:
    """Model in eval mode inside; afterwards all is what it was."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_random_numbers())
        stack.enter_context(_quiet_transformers())
        if isinstance(model, nn.Module):
            stack.enter_context(_attributes(model))
            model.eval()
        if tokenizer is not None:
            stack.enter_context(_padding(tokenizer))
        yield


@contextlib.contextmanager
def _random_numbers() -> Iterator[None]:
    numpy: Any = sys.modules.get("numpy")
    python, array = random.getstate(), None if numpy is None else numpy.random.get_state()
    # Devices that nobody has woken have no state yet, and are not woken for it.
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            random.setstate(python)
            if array is not None:
                numpy.random.set_state(array)


@contextlib.contextmanager
def _attributes(model: nn.Module) -> Iterator[None]:
    """Attributes and buffers of every module: the mode, caches kept on the model, rotary tables that grow."""
    found = [(vars(module), dict(vars(module)), dict(module._buffers)) for module in model.modules()]
    try:
        yield
    finally:
        for now, before, buffers in found:
            for name in now.keys() - before.keys():
                del now[name]
            now.update(before)
            now["_buffers"].clear()
            now["_buffers"].update(buffers)


@contextlib.contextmanager
def _padding(tokenizer: Any) -> Iterator[None]:
    """Padding and truncation of a fast tokenizer, which every call that pads leaves switched on in its Rust half."""
    rust = getattr(tokenizer, "backend_tokenizer", None)
    if rust is None or not hasattr(rust, "padding"):
        yield
        return
    padding, truncation = rust.padding, rust.truncation
    try:
        yield
    finally:
        rust.no_padding() if padding is None else rust.enable_padding(**padding)
        rust.no_truncation() if truncation is None else rust.enable_truncation(**truncation)


@contextlib.contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Its warnings about padding would be told once for every run of the model; the report tells them."""
    if "transformers" not in sys.modules:
        yield
        return
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)

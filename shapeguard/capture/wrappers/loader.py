"""DataLoader: the batches it hands out, with the settings that decide their size.

Datasets and collate functions are the user's code and stay watched. Imported only after the user's program has imported
torch.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from torch.utils.data import DistributedSampler

from shapeguard.capture.record import Event
from shapeguard.capture.state import recorders
from shapeguard.capture.trouble import own_trouble
from shapeguard.capture.wrappers.door import idle

_MAX_TENSORS = 64


def wrap_iter(original: Callable[..., Any]) -> Callable[..., Any]:
    """``DataLoader.__iter__``: the iterator was built where its loader was."""

    @functools.wraps(original)
    def __iter__(self: Any) -> Any:
        iterator = original(self)
        try:
            for recorder in recorders():
                row = recorder.origin(self)
                if row is not None:
                    recorder.remember(iterator, row)
        except BaseException as trouble:
            own_trouble(trouble)
        return iterator

    return __iter__


def wrap_next(original: Callable[..., Any]) -> Callable[..., Any]:
    """``_BaseDataLoaderIter.__next__``: one batch."""

    @functools.wraps(original)
    def __next__(self: Any) -> Any:
        batch = original(self)
        if not idle():
            _record(self, batch, sys._getframe(1))
        return batch

    return __next__


def _record(iterator: Any, batch: Any, frame: FrameType) -> None:
    try:
        born = [(recorder, tensor, recorder.origin(tensor)) for tensor in _tensors(batch) for recorder in recorders()]
        Event((), _settings(iterator)).done("loader", "DataLoader", None, batch, frame, owner=iterator)
        for recorder, tensor, row in born:
            if row is not None:  # collated in this process: what was recorded of that says more
                recorder.remember(tensor, row)
    except BaseException as trouble:
        own_trouble(trouble)


def _settings(iterator: Any) -> dict[str, Any]:
    kept = vars(iterator)
    sampler = kept.get("_index_sampler")
    settings = {"batch_size": getattr(sampler, "batch_size", None), "drop_last": kept.get("_drop_last")}
    settings["num_workers"] = kept.get("_num_workers")
    shared = getattr(sampler, "sampler", None)
    if type(shared) is DistributedSampler and not shared.drop_last:
        settings["padded_to"] = vars(shared).get("total_size")  # samples are repeated until all ranks have as many
    dataset = kept.get("_dataset")
    if type(dataset) in (list, tuple, torch.utils.data.TensorDataset, torch.utils.data.Subset):
        settings["samples"] = len(dataset)
    return {name: value for name, value in settings.items() if type(value) in (int, bool)}


def _tensors(batch: Any) -> list[torch.Tensor]:
    """The tensors of a batch as it is usually made: alone, in a list, in a dict."""
    items = list(batch.values()) if isinstance(batch, dict) else batch if isinstance(batch, list | tuple) else [batch]
    return [item for item in items[:_MAX_TENSORS] if isinstance(item, torch.Tensor)]

"""A causal language model and its tokenizer from a folder, a GGUF file or the Hub, in eval mode."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from shapeguard.errors import MissingDependencyError, UsageError


def load(
    path_or_id: str | os.PathLike[str],
    *,
    device: str | torch.device = "cpu",
    dtype: str | torch.dtype | None = None,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a model and its tokenizer; without ``dtype`` in the one its config asks for.

    Attention is left to transformers, which takes SDPA for every model that has it.

    Args:
        path_or_id: a model folder (``config.json`` in it), a ``.gguf`` file, a folder with exactly one ``.gguf`` file,
            or the id of a model on the Hub.

    Raises:
        UsageError: there is no model at that place, or no such device or dtype.
        MissingDependencyError: a GGUF file, and ``gguf`` or ``accelerate`` is not installed.
    """
    source, gguf_file = find_model(path_or_id)
    where, number_type = parse_device(device), parse_dtype(dtype)
    options: dict[str, Any] = {"gguf_file": gguf_file} if gguf_file else {}
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, **options)
        model: Any = AutoModelForCausalLM.from_pretrained(source, dtype=number_type, **options)
    except Exception as error:  # a damaged file can make a reader raise anything
        here = "" if Path(source).exists() else "no such folder here, and as a model on the Hub "
        raise UsageError(
            f"{path_or_id}: {here}no causal language model could be loaded ({first_line(error)})"
        ) from error
    return model.to(where).eval(), tokenizer


def find_model(path_or_id: str | os.PathLike[str]) -> tuple[str, str | None]:
    """What ``from_pretrained`` is to be given: a folder or Hub id, and the name of the GGUF file if it is one."""
    path = Path(path_or_id).expanduser()
    if path.is_file():
        if path.suffix != ".gguf":
            raise UsageError(f"{path}: expected a model folder, a .gguf file or a Hub id, got another kind of file")
        return gguf(path)
    if path.is_dir():
        return find_in_folder(path)
    if is_hub_id(str(path_or_id)):
        return str(path_or_id), None
    raise UsageError(f"{path}: no such folder or file; expected a model folder, a .gguf file or a Hub id")


def find_in_folder(folder: Path) -> tuple[str, str | None]:
    """A folder with a config is a model; one with a single GGUF file stands for that file."""
    if (folder / "config.json").is_file():
        return str(folder), None
    files = sorted(folder.glob("*.gguf"))
    if len(files) != 1:
        found = f"{len(files)} .gguf files (name one of them)" if files else "neither"
        raise UsageError(f"{folder}: expected a config.json or exactly one .gguf file, found {found}")
    return gguf(files[0])


def gguf(path: Path) -> tuple[str, str]:
    """Folder and name of a GGUF file, once the libraries that read it are known to be there."""
    missing = [name for name in ("gguf", "accelerate") if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDependencyError(f"{path.name}: a GGUF file needs pip install {' '.join(missing)}")
    return str(path.parent), path.name


def is_hub_id(text: str) -> bool:
    """``name`` or ``owner/name``: nothing that can only be a path."""
    parts = text.split("/")
    return len(parts) <= 2 and all(part and not part.startswith((".", "~")) for part in parts)


def parse_device(device: str | torch.device) -> torch.device:
    """A device this machine has."""
    try:
        where = torch.device(device)
    except RuntimeError as error:
        raise UsageError(f"no such device: {device!r} ({first_line(error)})") from None
    if where.type == "cuda" and (where.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"no such device: {device!r}; PyTorch sees {torch.cuda.device_count()} CUDA devices here")
    return where


def parse_dtype(dtype: str | torch.dtype | None) -> str | torch.dtype:
    """``"bfloat16"`` as ``torch.bfloat16``; None as ``"auto"``, the dtype the config names."""
    if dtype is None or dtype == "auto" or isinstance(dtype, torch.dtype):
        return dtype or "auto"
    found = getattr(torch, dtype, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise UsageError(f"no such dtype: {dtype!r}; expected float32, float16, bfloat16 or auto")
    return found


def first_line(error: BaseException) -> str:
    """An exception's type and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__

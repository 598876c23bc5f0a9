"""Shapes of a checkpoint's tensors, read from the headers of its files."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

from shapeguard.errors import UsageError
from shapeguard.reference.loading import first_line

Shapes = dict[str, tuple[int, ...]]
_PLAIN = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})  # packed integers have other shapes


def read_headers(folder: Path, gguf_file: str | None, notes: list[str]) -> Shapes:
    """The shapes by tensor name; what is missing is noted.

    Raises:
        UsageError: a file is no checkpoint, or cut off.
    """
    if gguf_file is not None:
        return _gguf(folder / gguf_file)
    shapes: Shapes = {}
    for file in _files(folder, notes):
        try:
            with safe_open(file, framework="np") as checkpoint:  # maps the file, reads its header
                for name in checkpoint.keys():  # noqa: SIM118 (it is no mapping)
                    part = checkpoint.get_slice(name)
                    if part.get_dtype() in _PLAIN:
                        shapes[name] = tuple(part.get_shape())
        except (SafetensorError, OSError) as error:
            raise UsageError(f"{file}: the checkpoint cannot be read ({first_line(error)})") from error
    return shapes


def _files(folder: Path, notes: list[str]) -> list[Path]:
    """The safetensors files of a folder; those that an index names and that are not there are noted."""
    index = folder / "model.safetensors.index.json"
    files = sorted(folder.glob("*.safetensors"))
    if index.is_file():
        try:
            named = {folder / name for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()}
        except (ValueError, KeyError, AttributeError, TypeError, OSError) as error:
            raise UsageError(f"{index}: the checkpoint's index cannot be read ({first_line(error)})") from error
        missing = sorted(file.name for file in named if not file.is_file())
        if missing:
            notes.append(f"the index names {len(missing)} files that are not in the folder, such as {missing[0]}")
        files = sorted(file for file in named if file.is_file())
    if not files:
        notes.append("the folder holds no .safetensors file: tensors are not compared with the config")
    return files


def _gguf(file: Path) -> Shapes:
    from gguf import GGUFReader

    try:
        # GGUF counts dimensions from the innermost
        return {tensor.name: tuple(int(size) for size in reversed(tensor.shape)) for tensor in GGUFReader(file).tensors}
    except Exception as error:
        raise UsageError(f"{file}: the GGUF file cannot be read ({first_line(error)})") from error

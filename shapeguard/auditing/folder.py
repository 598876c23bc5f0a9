"""A model's folder: config, tokenizer, generation config and the headers of its checkpoint. Its weights stay on the disk."""

from __future__ import annotations

import json
import os
import re
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
from transformers import AutoConfig, AutoTokenizer, GenerationConfig, PreTrainedConfig

from shapeguard.auditing.objects import ModelPart, with_kind
from shapeguard.auditing.weights import read_headers
from shapeguard.capture.preflight.model import model_facts
from shapeguard.errors import UsageError
from shapeguard.reference.loading import find_model, first_line
from shapeguard.values.findings import Location

_FILES = ("generation_config.json", "tokenizer_config.json", "config.json", "special_tokens_map.json")
# Names under which older configs keep what the others call otherwise.
_NAMES = {"n_embd": "hidden_size", "n_head": "num_attention_heads", "torch_dtype": "dtype"}
_TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
_EMBEDDING = re.compile(r"(^|\.)(embed_tokens|wte|word_embeddings|embed_in|shared|token_embd)\.weight$")
_POSITIONS = re.compile(r"(^|\.)(wpe|embed_positions|position_embeddings)\.weight$|^position_embd\.weight$")


class Folder:
    """A folder that holds a model, or a GGUF file that stands for one."""

    def __init__(self, path: Path, gguf_file: str | None) -> None:
        self.path = path
        self.notes: list[str] = []
        self._gguf = gguf_file
        self._options: dict[str, Any] = {"gguf_file": gguf_file} if gguf_file else {}
        self._options["local_files_only"] = True

    @classmethod
    def at(cls, path: str | os.PathLike[str], model: bool = True) -> Folder:
        """The folder at a path; with ``model`` it has to hold one.

        Raises:
            UsageError: nothing is there, or it is no model.
        """
        place = Path(path).expanduser()
        if not place.exists():
            raise UsageError(f"{place}: no such folder or file; expected a model folder or a .gguf file")
        if not model and place.is_dir() and any((place / name).is_file() for name in _TOKENIZERS):
            return cls(place, None)
        source, gguf_file = find_model(place)
        return cls(Path(source), gguf_file)

    def tokenizer(self) -> Any:
        """The folder's tokenizer; None where it holds none.

        Raises:
            UsageError: its files cannot be read.
        """
        if self._gguf is None and not any((self.path / name).is_file() for name in _TOKENIZERS):
            self.notes.append(f"{self.path} holds no tokenizer: nothing is said about padding and tokens")
            return None
        try:
            return AutoTokenizer.from_pretrained(self.path, config=self._known_config, **self._options)
        except Exception as error:  # a damaged file can make a reader raise anything
            raise UsageError(f"{self.path}: the tokenizer cannot be read ({first_line(error)})") from error

    def part(self) -> ModelPart:
        """Facts of the model, its generation config and its checkpoint's shapes."""
        config = self._config
        weights = read_headers(self.path, self._gguf, self.notes)
        facts = with_kind(model_facts(config), config)
        facts = msgspec.structs.replace(
            facts,
            rows=_rows(weights) or facts.vocabulary,
            learned_positions=any(_POSITIONS.search(name) for name in weights),
            attention=facts.attention or _said_attention(config),
        )
        return ModelPart(facts, (self._generation, config), weights)

    @cached_property
    def _config(self) -> Any:
        try:
            return AutoConfig.from_pretrained(self.path, **self._options)
        except Exception as error:
            first = error
        # A config of the model's own code, which is not run, or one that is refused: perhaps for what the checks look for.
        fields = _plain(self.path / "config.json")
        self.notes.append(
            f"transformers does not take config.json, its fields are read as they are: {first_line(first)}"
        )
        return SimpleNamespace(**fields)

    @property
    def _known_config(self) -> Any:
        """What chooses the class of the tokenizer, where its own files do not."""
        if not (self.path / "config.json").is_file():
            return None
        return self._config if isinstance(self._config, PreTrainedConfig) else PreTrainedConfig()

    @cached_property
    def _generation(self) -> Any:
        if not (self.path / "generation_config.json").is_file():
            return None
        try:
            return GenerationConfig.from_pretrained(self.path, local_files_only=True)
        except Exception as error:
            raise UsageError(f"{self.path}: generation_config.json cannot be read ({first_line(error)})") from error

    def locate(self, fields: tuple[str, ...]) -> Location | None:
        """The line of the folder's files that sets the first of these fields that is set at all."""
        for field in fields:
            for name in _FILES:
                for number, line in enumerate(self._lines(name), start=1):
                    if f'"{field}"' in line.partition(":")[0]:
                        return Location(str(self.path / name), number, "", line.strip())
        return None

    def _lines(self, name: str) -> list[str]:
        try:
            return (self.path / name).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []


def _plain(file: Path) -> dict[str, Any]:
    """The fields of a JSON file.

    Raises:
        UsageError: it is none.
    """
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: expected a model's config as JSON ({first_line(error)})") from error
    if not isinstance(fields, dict) or not all(isinstance(name, str) for name in fields):
        raise UsageError(f"{file}: expected a model's config as a JSON object, got {type(fields).__name__}")
    return {_NAMES.get(str(name), str(name)): value for name, value in fields.items()}


def _rows(weights: dict[str, tuple[int, ...]]) -> int | None:
    found = {shape[0] for name, shape in weights.items() if _EMBEDDING.search(name) and len(shape) == 2}
    return found.pop() if len(found) == 1 else None


def _said_attention(config: Any) -> str:
    said = getattr(config, "attn_implementation", None)
    return said if isinstance(said, str) else ""

"""Tiny pipelines for audits: a tokenizer of words, a LLaMA, and a folder of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.healthy.tiny_models import llama, tokenizer

PROMPTS = ["a fox sat on the mat", "a moon"]
__all__ = ["PROMPTS", "folder", "llama", "tokenizer"]


def folder(path: Path, model: Any = None, words: Any = None, **settings: Any) -> Path:
    """A folder as ``save_pretrained`` leaves it."""
    model = llama() if model is None else model
    for name, value in settings.items():
        setattr(model.generation_config, name, value)
    model.save_pretrained(path)
    (tokenizer(padding_side="left") if words is None else words).save_pretrained(path)
    return path

"""A model on disk verified: what ``shapeguard verify`` does, without its words."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from shapeguard.errors import MissingDependencyError, UsageError
from shapeguard.values.findings import Report


class Settings(NamedTuple):
    """How a model is opened and its batch made."""

    model: str
    device: str = "cpu"
    dtype: str = "auto"
    attention: str | None = None
    padding_side: str | None = None  # None: as the tokenizer comes
    pad_token: str | None = None
    pass_mask: bool = True
    steps: int = 8
    tolerance: float | None = None


def verify_opened(settings: Settings, prompts: Sequence[str]) -> Report:
    """Open the model, set what the settings say, and verify.

    Raises:
        UsageError: no model there, or a setting that it cannot take.
        MissingDependencyError: a library is missing.
    """
    for name in ("torch", "transformers"):
        if importlib.util.find_spec(name) is None:
            raise MissingDependencyError(f"verify needs {name}, which is not installed: pip install {name}")
    if Path(settings.model).expanduser().exists():
        os.environ["HF_HUB_OFFLINE"] = "1"  # everything is on this machine: nothing is asked of a hub
    os.environ.setdefault("TQDM_DISABLE", "1")  # read when tqdm is imported
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    from shapeguard.reference import load
    from shapeguard.verifying.entry import verify

    model, tokenizer = load(settings.model, device=settings.device, dtype=settings.dtype)
    _set(model, tokenizer, settings)
    return verify(
        model,
        tokenizer,
        prompts,
        new_tokens=settings.steps,
        attention_mask=settings.pass_mask,
        tolerance=settings.tolerance,
    )


def _set(model: Any, tokenizer: Any, settings: Settings) -> None:
    """The settings that are not told to the loader; model and tokenizer are our own here."""
    if settings.padding_side is not None:
        tokenizer.padding_side = settings.padding_side
    if settings.pad_token is not None:
        if settings.pad_token not in tokenizer.get_vocab():
            raise UsageError(
                f"--pad-token {settings.pad_token}: expected a token of the vocabulary; the model has no row for others"
            )
        tokenizer.pad_token = settings.pad_token
    if settings.attention is not None:
        try:
            model.set_attn_implementation(settings.attention)
        except Exception as error:
            said = (str(error).splitlines() or [""])[0]
            raise UsageError(f"--attention {settings.attention}: {type(error).__name__}: {said}") from error

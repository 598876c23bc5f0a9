"""The tiny model of the demo, and the levels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

LEVELS = ("crash", "boundary", "user", "all")


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    """Each level of watching."""
    return str(request.param)


@pytest.fixture(params=LEVELS[1:])
def watching(request: pytest.FixtureRequest) -> str:
    """Each level at which something is patched."""
    return str(request.param)


@pytest.fixture(scope="session")
def model_folder() -> str:
    """Where the tiny LLaMA lies."""
    return str(Path(__file__).resolve().parents[2] / "shapeguard" / "demo_model")


@pytest.fixture(scope="session")
def tiny(model_folder: str) -> Any:
    """The tiny LLaMA."""
    transformers = pytest.importorskip("transformers")
    return transformers.AutoModelForCausalLM.from_pretrained(model_folder).eval()


@pytest.fixture
def tokenizer(model_folder: str) -> Any:
    """Its tokenizer, fresh."""
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_folder, padding_side="left")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer

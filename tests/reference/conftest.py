"""The shipped tiny LLaMA for the tests of the reference pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from shapeguard import reference

DEMO_MODEL = Path(reference.__file__).parent.parent / "demo_model"


@pytest.fixture(scope="session")
def demo_folder() -> Path:
    """Where the tiny LLaMA lies in the package."""
    return DEMO_MODEL


@pytest.fixture(scope="session")
def model() -> PreTrainedModel:
    """The tiny LLaMA in float32."""
    return reference.load(DEMO_MODEL)[0]


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerBase:
    """Its tokenizer as it comes, fresh for each test because preparing changes it."""
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(DEMO_MODEL)
    return tokenizer

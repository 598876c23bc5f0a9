"""The shipped tiny LLaMA knows its facts, and the script that trained it still works."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import ModuleType

import pytest
import torch

from shapeguard import reference

ROOT = Path(__file__).resolve().parents[2]
DEMO_MODEL = ROOT / "shapeguard" / "demo_model"


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The training script as a module, cut down to two steps."""
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "tiny_llama"))
    for name in ("train", "corpus"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import train

    monkeypatch.setattr(train, "STEPS", 2)
    monkeypatch.setattr(train, "BATCH", 2)
    yield train
    for name in ("train", "corpus"):
        sys.modules.pop(name, None)


def test_it_is_small_and_complete() -> None:
    files = {path.name: path.stat().st_size for path in DEMO_MODEL.iterdir() if path.is_file()}
    assert set(files) >= {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert sum(files.values()) < 2_000_000


def test_it_knows_every_fact_of_the_corpus(train: ModuleType) -> None:
    corpus = sys.modules["corpus"]
    facts = {f"The capital of {country} is": f" {city}." for country, city in corpus.CAPITALS.items()}
    facts |= {f"The colour of {thing} is": f" {colour}." for thing, colour in corpus.COLOURS.items()}
    facts |= {f"The {animal}": f" {sound}." for animal, sound in corpus.SOUNDS.items()}
    numbers = corpus.NUMBERS
    facts |= {f"{numbers[a]} plus {numbers[b]} is": f" {numbers[a + b]}." for a in range(10) for b in range(10)}

    model, tokenizer = reference.load(DEMO_MODEL)
    reference.prepare(tokenizer, model)
    answers = reference.generate(model, tokenizer, list(facts), max_new_tokens=8)
    wrong = [(prompt, answer) for prompt, answer in zip(facts, answers, strict=True) if answer != facts[prompt]]
    assert wrong == []


def test_the_corpus_is_the_same_for_the_same_seed(train: ModuleType) -> None:
    documents = sys.modules["corpus"].documents
    assert documents(50, Random(1)) == documents(50, Random(1)) != documents(50, Random(2))
    assert all(text.endswith(".") for text in documents(200, Random(3)))


def test_two_steps_of_training_leave_a_model_that_loads(
    train: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "documents", lambda count, random: sys.modules["corpus"].documents(300, random))
    monkeypatch.setattr(sys, "argv", ["train.py", "--out", str(tmp_path)])
    assert train.main() == 1, "two steps teach nothing, and the script says so"
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["dtype"] == "float32"
    model, tokenizer = reference.load(tmp_path)
    assert model.dtype == torch.float32
    assert tokenizer.pad_token is None
    assert model.get_input_embeddings().weight.shape[0] == len(tokenizer)  # type: ignore[index]

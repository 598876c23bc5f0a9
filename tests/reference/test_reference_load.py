"""Where models come from, and what is said when there is none."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants

from shapeguard.errors import MissingDependencyError, ShapeguardError, UsageError
from shapeguard.reference import load
from shapeguard.reference.loading import find_model, is_hub_id, parse_device, parse_dtype


def test_a_folder_is_loaded_in_the_dtype_of_its_config(demo_folder: Path) -> None:
    model, tokenizer = load(demo_folder)
    assert (model.dtype, model.device.type, model.training) == (torch.float32, "cpu", False)
    assert len(tokenizer) == model.config.vocab_size


def test_dtype_and_device_are_obeyed(demo_folder: Path) -> None:
    assert load(str(demo_folder), dtype="bfloat16")[0].dtype == torch.bfloat16
    assert load(demo_folder, dtype=torch.float16, device=torch.device("cpu"))[0].dtype == torch.float16


def test_a_gguf_file_is_found_alone_and_in_its_folder(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    pytest.importorskip("accelerate")
    file = tmp_path / "tiny.Q4_1.gguf"
    file.write_bytes(b"GGUF")
    assert find_model(file) == find_model(tmp_path) == (str(tmp_path), "tiny.Q4_1.gguf")
    with pytest.raises(UsageError, match="no causal language model could be loaded"):
        load(file)


def test_a_folder_with_two_gguf_files_asks_for_one(tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"found 2 \.gguf files"):
        find_model(tmp_path)


def test_a_folder_that_is_no_model_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"expected a config\.json or exactly one \.gguf file, found neither"
    ) as caught:
        load(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", ["{not json", '{"model_type": "llama"}'])
def test_a_damaged_model_is_refused_in_one_line(tmp_path: Path, demo_folder: Path, damage: str) -> None:
    shutil.copytree(demo_folder, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors"))
    (tmp_path / "config.json").write_text(damage)
    with pytest.raises(UsageError, match="no causal language model could be loaded") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_torn_weights_are_refused_in_one_line(tmp_path: Path, demo_folder: Path) -> None:
    shutil.copytree(demo_folder, tmp_path, dirs_exist_ok=True)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UsageError, match="no causal language model could be loaded"):
        load(tmp_path)


@pytest.mark.parametrize("missing", [["gguf"], ["accelerate"], ["gguf", "accelerate"]])
def test_missing_libraries_for_gguf_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: list[str]
) -> None:
    file = tmp_path / "tiny.gguf"
    file.touch()
    there = importlib.util.find_spec

    def find_spec(name: str) -> Any:
        return None if name in missing else there(name)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    if {"gguf", "accelerate"} - set(missing):
        pytest.importorskip("gguf")
        pytest.importorskip("accelerate")
    with pytest.raises(MissingDependencyError, match=f"pip install {' '.join(missing)}$"):
        load(file)


def test_other_files_and_absent_paths_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.touch()
    with pytest.raises(UsageError, match="another kind of file"):
        load(file)
    with pytest.raises(UsageError, match="no such folder or file"):
        load(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no such folder or file"):
        load("./nowhere")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("gpt2", True), ("owner/name", True), ("./name", False), ("/abs", False), ("a/b/c", False), ("~/x", False)],
)
def test_hub_ids_are_told_from_paths(text: str, expected: bool) -> None:
    assert is_hub_id(text) is expected


def test_an_id_that_cannot_be_fetched_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UsageError, match="owner/no-such-model-here") as caught:
        load("owner/no-such-model-here")
    assert "\n" not in str(caught.value)


def test_devices_and_dtypes_that_are_none_are_refused(demo_folder: Path) -> None:
    with pytest.raises(UsageError, match="no such device: 'gpu'"):
        load(demo_folder, device="gpu")
    with pytest.raises(UsageError, match="no such device: 'cuda:99'"):
        parse_device("cuda:99")
    for name in ("float33", "int64", "nn"):
        with pytest.raises(UsageError, match="no such dtype"):
            parse_dtype(name)
    assert parse_dtype(None) == parse_dtype("auto") == "auto"


def test_every_refusal_is_one_of_ours() -> None:
    assert issubclass(MissingDependencyError, ShapeguardError)
    assert UsageError.exit_code == MissingDependencyError.exit_code == 2

"""Folders: what is read of them, what is left on the disk, and what is refused with one clear line."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path

import pytest

import shapeguard
from shapeguard.errors import UsageError
from tests.auditing.pipelines import PROMPTS, folder, llama, tokenizer

GIGABYTE = 1 << 30


def _sparse(path: Path, gigabytes: int) -> Path:
    """A folder whose checkpoint is all header: the data behind it is a hole in the file."""
    folder(path)
    (path / "model.safetensors").unlink()
    rows, hidden = 24, 32
    columns = gigabytes * GIGABYTE // 2
    tensors = {
        "model.embed_tokens.weight": {"dtype": "F32", "shape": [rows, hidden], "data_offsets": [0, rows * hidden * 4]},
        "filler": {
            "dtype": "F16",
            "shape": [columns],
            "data_offsets": [rows * hidden * 4, rows * hidden * 4 + 2 * columns],
        },
    }
    header = json.dumps(tensors).encode()
    header += b" " * (-len(header) % 8)
    with (path / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + rows * hidden * 4 + 2 * columns)
    return path


def test_ten_gigabytes_of_weights_stay_on_the_disk(tmp_path: Path) -> None:
    at = _sparse(tmp_path, 10)
    assert (at / "model.safetensors").stat().st_size > 10 * GIGABYTE
    started = time.monotonic()
    report = shapeguard.audit(at, prompts=PROMPTS, generation_config={"max_new_tokens": 4})
    assert time.monotonic() - started < 30
    assert [finding for finding in report.findings if finding.severity != "note"] == []


def test_a_finding_leads_to_the_line_that_sets_it(tmp_path: Path) -> None:
    folder(tmp_path, words=tokenizer(padding_side="right"), max_length=3)
    report = shapeguard.audit(tmp_path, prompts=PROMPTS)
    places = {finding.code: finding.location for finding in report.findings}
    side, length = places["SG101"], places["SG110"]
    assert side is not None
    assert length is not None
    assert (Path(side.file).name, side.source) == ("tokenizer_config.json", '"padding_side": "right",')
    assert (Path(length.file).name, "max_length" in length.source) == ("generation_config.json", True)
    assert Path(side.file).read_text().splitlines()[side.line - 1].strip() == side.source


def test_a_sharded_checkpoint_is_read_by_its_index(tmp_path: Path) -> None:
    folder(tmp_path)
    llama().save_pretrained(tmp_path / "parts", max_shard_size="20kB")
    (tmp_path / "model.safetensors").unlink()
    for part in (tmp_path / "parts").glob("model*"):
        part.rename(tmp_path / part.name)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "vocab_size": 30}))
    assert "SG603" in [finding.code for finding in shapeguard.audit(tmp_path).findings]
    sorted(tmp_path.glob("model-*.safetensors"))[0].unlink()
    assert any("index names 1 files" in note for note in shapeguard.audit(tmp_path).run.notes)


def test_a_config_that_nobody_knows_is_read_as_plain_fields(tmp_path: Path) -> None:
    folder(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"model_type": "homemade", "num_key_value_heads": 3, "architectures": ["HomemadeForCausalLM"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    report = shapeguard.audit(tmp_path)
    assert "SG402" in [finding.code for finding in report.findings]
    assert any("does not take config.json" in note for note in report.run.notes)


def test_without_a_tokenizer_the_rest_is_audited(tmp_path: Path) -> None:
    llama().save_pretrained(tmp_path)
    report = shapeguard.audit(tmp_path)
    assert report.findings == ()
    assert any("holds no tokenizer" in note for note in report.run.notes)
    with pytest.raises(UsageError, match="expected a tokenizer"):
        shapeguard.audit(tmp_path, prompts=PROMPTS)


def test_a_folder_of_a_tokenizer_alone_is_one(tmp_path: Path) -> None:
    tokenizer().save_pretrained(tmp_path)
    report = shapeguard.audit(llama(), tmp_path, PROMPTS)
    assert report.findings[0].code == "SG101"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda at: at / "nowhere", "no such folder or file"),
        (lambda at: at, "expected a config.json or exactly one .gguf file, found neither"),
        (lambda at: _written(at / "notes.txt", "hello"), "expected a model folder"),
        (lambda at: _written(at / "config.json", "{").parent, "expected a model's config as JSON"),
        (lambda at: _written(at / "config.json", "[]").parent, "got list"),
        (lambda at: _written(folder(at) / "model.safetensors", "short").parent, "the checkpoint cannot be read"),
        (lambda at: _written(folder(at) / "model.safetensors.index.json", "{}").parent, "index cannot be read"),
        (lambda at: _written(folder(at) / "tokenizer.json", "{").parent, "the tokenizer cannot be read"),
        (
            lambda at: _written(folder(at) / "generation_config.json", "{").parent,
            "generation_config.json cannot be read",
        ),
    ],
)
def test_what_is_no_model_is_refused(made, said: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    at = made(tmp_path)
    with pytest.raises(UsageError, match=said) as refused:
        shapeguard.audit(at)
    assert "\n" not in str(refused.value)


def _written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file

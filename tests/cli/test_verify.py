"""``shapeguard verify``: the table, the cause and the exit status; bad input is one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import shapeguard as package
from tests.cli.command import shapeguard

MODEL = str(Path(package.__file__).parent / "demo_model")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "prompts.txt").write_text("The capital of France is\ntwo plus three is\n\nMonday Tuesday Wednesday\n")
    (tmp_path / "one.txt").write_text("The capital of France is\n")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "no model").mkdir()
    return tmp_path


def pad_token() -> str:
    from transformers import AutoTokenizer

    return str(AutoTokenizer.from_pretrained(MODEL).eos_token)


def test_left_padding_passes(folder: Path) -> None:
    ran = shapeguard(
        folder, "verify", MODEL, "--prompts", "prompts.txt", "--padding-side", "left", "--pad-token", pad_token()
    )
    assert (ran.status, ran.err) == (0, "")
    assert "PASS: 3 rows of LlamaForCausalLM.generate are in the batch what they are" in ran.out
    assert ran.out.count("PASS") == 4
    assert "tolerance: 8 · √" in ran.out


def test_right_padding_fails_and_is_written_down(folder: Path) -> None:
    words = ("--prompts", "prompts.txt", "--padding-side", "right", "--pad-token", pad_token(), "--dtype", "bfloat16")
    ran = shapeguard(folder, "verify", MODEL, *words, "--json", "--out", "out")
    assert (ran.status, ran.err) == (1, "shapeguard: report in out\n")
    report = json.loads(ran.out)
    assert report["findings"][0]["code"] == "SG101"
    assert report["verification"]["passed"] is False
    assert all(1 <= len(row["differences"]) <= 8 for row in report["verification"]["rows"]), "each to its end token"
    assert json.loads((folder / "out" / "report.json").read_text()) == report
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["report.html", "report.json", "report.md"]
    shown = shapeguard(folder, "show", "out", without=["torch", "transformers"])
    assert shown.status == 0
    assert "SG101 right-padded-decoder · error" in shown.out
    assert "FAIL" in shown.out


def test_without_the_mask(folder: Path) -> None:
    words = ("--prompts", "prompts.txt", "--padding-side", "left", "--pad-token", pad_token(), "--no-mask")
    ran = shapeguard(folder, "verify", MODEL, *words, "--new-tokens", "3", "--attention", "eager")
    assert ran.status == 1
    assert "SG103 no-attention-mask · error" in ran.out
    assert "3 steps, float32, eager attention, padding left, mask absent" in ran.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([MODEL], "the following arguments are required: --prompts"),
        ([MODEL, "--prompts", "nothing.txt"], "--prompts nothing.txt: cannot be read"),
        ([MODEL, "--prompts", "empty.txt"], "expected one prompt a line, got an empty file"),
        ([MODEL, "--prompts", "one.txt"], "expected at least two prompts, got 1"),
        ([MODEL, "--prompts", "prompts.txt", "--new-tokens", "0"], "--new-tokens: expected 1 or more, got 0"),
        ([MODEL, "--prompts", "prompts.txt", "--tolerance", "-1"], "tolerance: expected a number of 0 or more"),
        ([MODEL, "--prompts", "prompts.txt", "--pad-token", "no such"], "--pad-token no such: expected a token"),
        ([MODEL, "--prompts", "prompts.txt", "--attention", "odd"], "--attention odd: "),
        ([MODEL, "--prompts", "prompts.txt", "--dtype", "int8"], "no such dtype: 'int8'"),
        ([MODEL, "--prompts", "prompts.txt", "--out", "one.txt"], "--out: expected a folder, but"),
        (["no model", "--prompts", "prompts.txt"], "expected a config.json or exactly one .gguf file, found neither"),
        (["./nothing", "--prompts", "prompts.txt"], "no such folder or file"),
    ],
)
def test_bad_input_is_one_line(words: list[str], said: str, folder: Path) -> None:
    ran = shapeguard(folder, "verify", *words)
    assert ran.status == 2
    assert said in ran.line


@pytest.mark.parametrize("name", ["torch", "transformers"])
def test_a_library_that_is_missing_is_named(name: str, folder: Path) -> None:
    ran = shapeguard(folder, "verify", MODEL, "--prompts", "prompts.txt", without=[name])
    assert (ran.status, ran.line[:26]) == (2, f"shapeguard: verify needs {name}"[:26])
    assert f"verify needs {name}, which is not installed" in ran.line

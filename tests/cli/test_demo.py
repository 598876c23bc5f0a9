"""``shapeguard demo``: bad input is refused before anything runs; the real demo runs once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import Ran, shapeguard

FILES = ["recording.jsonl", "report.html", "report.json", "report.md"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "empty folder").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty.txt").write_text("\n  \n")
    (tmp_path / "latin.txt").write_bytes("größe".encode("latin-1"))
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "./nothing"], "--model ./nothing: no such folder"),
        (["--model", "empty folder"], "expected a model folder with config.json or a .gguf file"),
        (["--model", "file"], "expected a model folder or a .gguf file"),
        (["--prompts", "nothing.txt"], "--prompts nothing.txt: cannot be read"),
        (["--prompts", "empty folder"], "--prompts empty folder: cannot be read"),
        (["--prompts", "empty.txt"], "--prompts empty.txt: expected one prompt a line"),
        (["--prompts", "latin.txt"], "--prompts latin.txt: expected UTF-8 text"),
        (["--out", "file"], "--out: expected a folder, but"),
        (["--max-new-tokens", "0"], "--max-new-tokens: expected 1 or more, got 0"),
        (["--max-new-tokens", "many"], "invalid int value: 'many'"),
        (["surplus"], "unrecognized arguments: surplus"),
    ],
)
def test_bad_input_is_one_line(words: list[str], said: str, folder: Path) -> None:
    ran = shapeguard(folder, "demo", *words)
    assert ran.status == 2
    assert said in ran.line
    assert not (folder / "shapeguard-report").exists()


@pytest.mark.parametrize("name", ["torch", "transformers"])
def test_a_library_that_is_missing_is_named(name: str, tmp_path: Path) -> None:
    ran = shapeguard(tmp_path, "demo", without=[name])
    assert ran.status == 2
    assert ran.line.startswith(f"shapeguard: the demo needs {name}, which is not installed")


def test_a_device_that_is_not_there_is_one_line_at_the_end(tmp_path: Path) -> None:
    ran = shapeguard(tmp_path, "demo", "--device", "nodevice")
    assert ran.status == 2
    assert ran.err.splitlines()[-1].startswith("shapeguard: the model could not be run: RuntimeError: ")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """The demo as the README has it, once."""
    folder = tmp_path_factory.mktemp("demo")
    return folder / "out", shapeguard(folder, "demo", "--out", "out")


def test_the_demo_ends_well_and_leaves_its_files(done: tuple[Path, Ran]) -> None:
    out, ran = done
    assert (ran.status, ran.out) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == [*FILES[:1], "reference", *FILES[1:]]
    assert sorted(path.name for path in (out / "reference").iterdir()) == FILES


def test_its_answer(done: tuple[Path, Ran]) -> None:
    ran = done[1]
    assert "SG301 cache-batch-mismatch" in ran.err
    assert "'The capital of France is' -> 'Paris.'" in ran.err
    assert ran.err.endswith("shapeguard: both runs side by side: out/report.html\n")


def test_its_report_has_both_runs(done: tuple[Path, Ran]) -> None:
    report = json.loads((done[0] / "report.json").read_text("utf-8"))
    assert report["findings"][0]["code"] == "SG301"
    source = Path(report["findings"][0]["location"]["file"]).read_text("utf-8").splitlines()
    assert "next_tokens[unfinished]" in source[report["findings"][0]["location"]["line"] - 1]
    left, right = report["comparison"]["left"], report["comparison"]["right"]
    assert (left["outcome"], right["outcome"]) == ("crashed", "completed")
    assert [row["cache_rows"] for row in left["steps"]][1:3] == [4, 4]
    assert len(right["steps"]) > len(left["steps"]) > 1
    assert len(right["outputs"]) == len(report["comparison"]["prompts"]) == 4
    assert report["comparison"]["partings"]

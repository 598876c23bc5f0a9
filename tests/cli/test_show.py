"""``shapeguard show``: a report or a recording again, on a machine without torch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.command import Ran, shapeguard

FORMATS = {
    "terminal": " ─ shapeguard ─",
    "json": '{\n "schema": "shapeguard.report/1",',
    "markdown": "## ",
    "html": "<!doctype html>",
    "trace": "{",
}
BARE = ("torch", "transformers", "numpy", "tokenizers", "safetensors")


@pytest.fixture
def folder(failed: tuple[Path, Ran], tmp_path: Path) -> Path:
    shutil.copytree(failed[0] / "shapeguard-report", tmp_path / "here" / "report")
    return tmp_path / "here"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("file", ["report", "report/report.json", "report/recording.jsonl"])
def test_every_format_of_every_file_without_torch(format: str, file: str, folder: Path) -> None:
    ran = shapeguard(folder, "show", file, "--format", format, without=BARE)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.lower().startswith(FORMATS[format].lower())
    assert ran.out.endswith("\n")
    if format in ("json", "trace"):
        json.loads(ran.out)
    if format != "trace":
        assert "SG202" in ran.out


def test_the_recording_tells_what_the_report_tells(folder: Path) -> None:
    report = json.loads((folder / "report" / "report.json").read_text("utf-8"))
    again = json.loads(shapeguard(folder, "show", "report/recording.jsonl", "-f", "json", without=BARE).out)
    assert again == report


def test_the_answer_is_the_one_after_the_run(failed: tuple[Path, Ran], folder: Path) -> None:
    panel = shapeguard(failed[0], "show", "shapeguard-report").out
    assert panel in failed[1].err
    elsewhere = shapeguard(folder, "show", "report").out
    assert str(failed[0] / "fail.py") in "".join(line.strip() for line in elsewhere.splitlines())


def test_a_recording_of_a_killed_run(folder: Path) -> None:
    file = folder / "report" / "recording.jsonl"
    data = file.read_bytes()
    file.write_bytes(data[: len(data) * 2 // 3])
    ran = shapeguard(folder, "show", str(file), without=BARE)
    assert ran.status == 0
    assert "the last line was torn" in ran.out
    assert "interrupted" in ran.out


def test_out_writes_a_new_file(folder: Path) -> None:
    ran = shapeguard(folder, "show", "report", "-f", "markdown", "-o", "bug.md")
    assert ran == Ran(0, "", "")
    assert "SG202" in (folder / "bug.md").read_text("utf-8")
    again = shapeguard(folder, "show", "report", "-f", "html", "-o", "bug.md")
    assert (again.status, again.line) == (2, "shapeguard: --out bug.md: exists already; name another file or remove it")
    assert shapeguard(folder, "show", "report", "-o", "no/such/place.md").status == 2


def test_a_terminal_that_knows_only_ascii(folder: Path) -> None:
    ran = shapeguard(folder, "show", "report", PYTHONIOENCODING="ascii")
    assert ran.status == 0
    assert "SG202" in ran.out


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("nothing.json", None, "no such file or folder"),
        ("empty.json", b"", "expected a shapeguard report or recording, got an empty file"),
        ("text.json", b"hello", "expected a shapeguard report"),
        ("binary.jsonl", bytes(range(256)), "expected a shapeguard report"),
        ("foreign.json", b'{"a": 1}', "expected schema shapeguard.report/1, got a JSON without one"),
        ("later.json", b'{"schema": "shapeguard.report/2"}', "expected schema shapeguard.report/1, got"),
        ("odd.jsonl", b'{"t":"header","schema":"shapeguard.recording/1"}\nodd\n{}\n', "line 2 is not a line"),
    ],
)
def test_other_files_are_refused_in_one_line(name: str, data: bytes | None, said: str, tmp_path: Path) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    ran = shapeguard(tmp_path, "show", name)
    assert ran.status == 2
    assert ran.line.startswith(f"shapeguard: {name}: ")
    assert said in ran.line


def test_a_folder_with_nothing_of_ours(tmp_path: Path) -> None:
    ran = shapeguard(tmp_path, "show", ".")
    assert (ran.status, ran.line) == (2, "shapeguard: .: the folder holds neither report.json nor recording.jsonl")


@pytest.mark.parametrize("words", [[], ["a", "b"], ["a", "--format", "pdf"]])
def test_bad_words(words: list[str], tmp_path: Path) -> None:
    ran = shapeguard(tmp_path, "show", *words)
    assert ran.status == 2
    assert ran.line.endswith("--help")

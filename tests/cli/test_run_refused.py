"""``shapeguard run`` with bad input: one line, exit status 2, and nothing of the program has run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.command import shapeguard


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "script.py").write_text("open('has run', 'w')")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "report.json").write_text('{"schema": "pytest-json"}')
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to run: expected a script or -m MODULE"),
        (["--"], "nothing to run: expected a script or -m MODULE"),
        (["nothing.py"], "there is no nothing.py"),
        (["full"], "full"),
        (["-m", "no.such.module"], "there is no no"),
        (["-m"], "argument -m: expected one argument"),
        (["--out"], "argument --out: expected one argument"),
        (["--out", "file", "script.py"], "expected a folder, but"),
        (["--out", "file/below", "script.py"], "expected a folder, but"),
        (["--out", "full", "script.py"], "holds notes.txt"),
        (["--out", "foreign", "script.py"], "report.json that is not shapeguard's"),
        (["--level", "most", "script.py"], "invalid choice: 'most' (choose from"),
        (["--fail-on", "note", "script.py"], "invalid choice: 'note' (choose from"),
        (["--lev", "user", "script.py"], "unrecognized arguments: --lev"),
        (["--no-such", "script.py"], "unrecognized arguments: --no-such"),
    ],
)
def test_one_line_and_status_2(words: list[str], said: str, folder: Path) -> None:
    before = sorted(path.name for path in folder.rglob("*"))
    ran = shapeguard(folder, "run", *words)
    assert ran.status == 2
    assert ran.line.startswith("shapeguard: ")
    assert said in ran.line
    assert sorted(path.name for path in folder.rglob("*")) == before


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a place that refuses even root")
def test_a_folder_that_cannot_be_written(folder: Path) -> None:
    ran = shapeguard(folder, "run", "--out", "/proc/report", "script.py")
    assert (ran.status, ran.line[:24]) == (2, "shapeguard: --out: expec")
    assert not (folder / "has run").exists()

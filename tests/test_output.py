"""The output folder: refused before the start, rotated, and never in the way of a run's end."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest

from shapeguard.errors import OutputError
from shapeguard.output import OutDir, prepare_out
from shapeguard.values.findings import Report
from shapeguard.values.recording import Recording
from shapeguard.values.store import dump_recording, write_atomically

REPORT = Report(outcome="completed").to_json()
RECORDING = dump_recording(Recording())


def _listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_new_folder_is_created_with_its_parents_and_left_empty(tmp_path: Path) -> None:
    out = prepare_out(tmp_path / "a" / "b")
    assert out.path == tmp_path / "a" / "b"
    assert list(out.path.iterdir()) == []


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").write_bytes(b"")
    (tmp_path / ".shapeguard-trial-killed").write_bytes(b"")
    assert prepare_out(tmp_path).path == tmp_path
    assert not list(tmp_path.parent.glob(f"{tmp_path.name}.*"))


def test_a_relative_folder_survives_a_change_of_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    out = prepare_out(Path("here"))
    monkeypatch.chdir("/")
    assert out.write("report.md", b"x") == tmp_path / "here" / "report.md"


def test_a_working_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = prepare_out(tmp_path / "here")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert out.shown == str(tmp_path / "here")


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "below" / "it"):
        with pytest.raises(OutputError, match=r"file is a file") as caught:
            prepare_out(path)
        assert caught.value.exit_code == 2
        assert "\n" not in str(caught.value)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a place that refuses even root")
def test_a_place_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(OutputError, match="/proc/shapeguard cannot"):
        prepare_out(Path("/proc/shapeguard"))


def test_an_existing_folder_that_takes_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", full)
    with pytest.raises(OutputError, match="Read-only file system"):
        prepare_out(tmp_path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.txt", b"mine"),
        ("report.json", b'{"totals": {"percent_covered": 90}}'),
        ("recording.jsonl", b'{"t": "note"}\n'),
        ("report.html", b"<html>"),
    ],
)
def test_other_content_is_refused_and_untouched(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(OutputError, match=name):
        prepare_out(tmp_path)
    assert (tmp_path / name).read_bytes() == data
    assert os.listdir(tmp_path) == [name]


def test_a_foreign_report_beside_our_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recording.jsonl").write_bytes(RECORDING)
    (tmp_path / "report.json").write_bytes(b'{"totals": 1}')
    with pytest.raises(OutputError, match=r"report\.json that is not shapeguard's"):
        prepare_out(tmp_path)
    assert len(os.listdir(tmp_path)) == 2


def test_earlier_reports_are_kept_one_after_the_other(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    for run in range(3):
        out = prepare_out(folder)
        out.write("report.json", REPORT + b" " * run)
        out.write("reference/report.json", REPORT)
    assert _listing(folder) == ["reference/report.json", "report.json"]
    for run, name in enumerate(["report.1", "report.2"]):
        assert (tmp_path / name / "report.json").read_bytes() == REPORT + b" " * run
        assert (tmp_path / name / "reference" / "report.json").exists()
    assert (folder / "report.json").read_bytes() == REPORT + b"  "
    assert out.told.endswith("(the earlier one is in " + str(tmp_path / "report.2") + ")")


@pytest.mark.parametrize("data", [RECORDING, RECORDING[:60], b""])
def test_what_a_killed_run_left_is_rotated(tmp_path: Path, data: bytes) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "recording.jsonl").write_bytes(data)
    (folder / ".report.json.123").write_bytes(b"torn")
    prepare_out(folder)
    assert _listing(folder) == []
    assert _listing(tmp_path / "report.1") == [".report.json.123", "recording.jsonl"]


def test_files_of_the_user_stay_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    for name, data in {"report.json": REPORT, "report.html": b"<html>", "train.py": b"print()"}.items():
        (folder / name).write_bytes(data)
    monkeypatch.chdir(folder)
    prepare_out(Path("."))
    assert _listing(folder) == ["train.py"]
    assert _listing(tmp_path / "project.1") == ["report.html", "report.json"]


def test_a_report_that_cannot_be_moved_aside_is_left_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    for name in ("recording.jsonl", "report.json", "report.md"):
        (folder / name).write_bytes(RECORDING if name == "recording.jsonl" else REPORT)
    rename = os.rename

    def other_disk(source: Path, to: Path) -> None:
        if source == folder / "report.md":
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(source, to)

    monkeypatch.setattr(os, "rename", other_disk)
    with pytest.raises(OutputError, match="cannot be moved aside"):
        prepare_out(folder)
    assert _listing(tmp_path) == ["report/recording.jsonl", "report/report.json", "report/report.md"]
    assert not (tmp_path / "report.1").exists()


def test_write_is_whole_and_replaces(tmp_path: Path) -> None:
    out = OutDir(tmp_path)
    assert out.write("report.md", b"one") == tmp_path / "report.md"
    out.write("report.md", b"two")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"report.md": b"two"}


def test_a_folder_that_was_deleted_meanwhile_comes_back(tmp_path: Path) -> None:
    out = prepare_out(tmp_path / "report")
    out.path.rmdir()
    assert out.write("report.md", b"x") == tmp_path / "report" / "report.md"


def test_a_failing_write_goes_to_a_temporary_folder_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    out = prepare_out(tmp_path / "report")
    out.write("report.json", b"{}")
    kept = (tmp_path / "report").rename(tmp_path / "kept")
    (tmp_path / "report").write_text("now a file: even root cannot write below it")
    first = out.write("report.md", b"md")
    second = out.write("report.html", b"html")
    assert first is not None
    assert second is not None
    assert first.parent == second.parent == out.path
    assert out.path.parent == tmp_path / "tmp"
    assert (first.read_bytes(), second.read_bytes()) == (b"md", b"html")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "report.md cannot be written" in said.err
    assert str(out.path) in said.err
    assert (kept / "report.json").exists()


def test_what_was_written_before_the_failure_is_copied_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    out = prepare_out(tmp_path / "report")
    out.write("report.json", b"{}")

    def full(path: Path, data: bytes) -> None:
        if path.parent == tmp_path / "report":
            path.with_name(f".{path.name}.{os.getpid()}").write_bytes(b"to")
            raise OSError(errno.ENOSPC, "No space left on device")
        write_atomically(path, data)

    monkeypatch.setattr("shapeguard.output.write_atomically", full)
    out.write("report.md", b"md")
    assert _listing(out.path) == ["report.json", "report.md"]
    assert _listing(tmp_path / "report") == ["report.json"]


def test_where_nothing_can_be_written_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shapeguard.output.write_atomically", full)
    out = prepare_out(tmp_path)
    assert out.write("report.json", b"{}") is None
    assert out.write("report.md", b"md") is None
    assert capsys.readouterr().err.count("\n") == 1

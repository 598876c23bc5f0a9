"""Children of guarded code: each records for itself, and the parent's report names the line in the child."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import process, spawn
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

import shapeguard
from shapeguard.capture.children import opened
from shapeguard.values.findings import Report
from shapeguard.values.store import load_children

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
FORK = multiprocessing.get_context("fork") if hasattr(os, "fork") else None


def _line(text: str) -> int:
    lines = Path(__file__).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line and "_line(" not in line)


def _work(size: int) -> tuple[int, ...]:
    weight = torch.ones(size, 2)
    return tuple((torch.ones(4, 3) @ weight).shape)  # the product


class _Clips(Dataset[torch.Tensor]):
    def __init__(self, *lengths: int) -> None:
        self.clips = [torch.ones(length) for length in lengths]

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.clips[index] * torch.ones(8)  # the clip


def _first_is_here(report: Report, text: str) -> None:
    assert report.failed_at is not None
    assert report.failed_at.line == _line(text)
    assert report.findings[0].failed_at == report.failed_at


def test_a_loaders_worker_names_its_line(tmp_path: Path) -> None:
    guard = shapeguard.guard(out=tmp_path / "out")
    with pytest.raises(RuntimeError, match="Caught RuntimeError in DataLoader worker process 1") as caught, guard:
        list(DataLoader(_Clips(8, 5), num_workers=2, multiprocessing_context=FORK))
    # No frame of ours is in the worker's text, wherever the package lies.
    assert str(Path(shapeguard.__file__).parent) + os.sep not in str(caught.value)
    _first_is_here(guard.report, "# the clip")
    assert guard.report.findings[0].message.startswith("In DataLoader worker 1: ")
    assert guard.report.outcome == "crashed"


class _Uneven(Dataset[torch.Tensor]):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.zeros(3 + index % 2)


def test_what_a_worker_and_its_parent_say_alike_is_told_once() -> None:
    with pytest.raises(RuntimeError), shapeguard.guard() as guard:
        list(DataLoader(_Uneven(), batch_size=2, num_workers=2, multiprocessing_context=FORK))
    assert [finding.code for finding in guard.report.findings] == ["SG602"]


def test_a_loader_without_trouble_leaves_nothing(tmp_path: Path) -> None:
    guard = shapeguard.guard(out=tmp_path / "out")
    with guard:
        assert len(list(DataLoader(_Clips(8, 8, 8, 8), num_workers=2, multiprocessing_context=FORK))) == 4
    assert guard.report.findings == ()
    for child in guard.children:  # ended by a signal before it was done, it may leave its file
        assert not child.failures


def _through_a_pool(size: int) -> None:
    assert FORK is not None
    with FORK.Pool(2) as pool:
        pool.map(_work, [3, 3, size])


def _through_an_executor(size: int) -> None:
    with ProcessPoolExecutor(2, mp_context=FORK) as executor:
        list(executor.map(_work, [3, 3, size]))


@pytest.mark.parametrize("through", [_through_a_pool, _through_an_executor])
def test_an_exception_out_of_a_pool_is_explained_in_the_child(through: Callable[[int], None]) -> None:
    guard = shapeguard.guard()
    with pytest.raises(RuntimeError, match="mat1 and mat2"), guard:
        through(5)
    _first_is_here(guard.report, "# the product")


def test_a_failure_that_the_program_goes_on_from_is_a_warning() -> None:
    assert FORK is not None
    guard = shapeguard.guard()
    with guard, FORK.Pool(1) as pool, pytest.raises(RuntimeError):
        pool.map(_work, [5])
    assert guard.report.outcome == "completed"
    assert [finding.severity for finding in guard.report.findings][:1] == ["warning"]


def test_a_process_that_fails_is_told_though_the_parent_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    assert FORK is not None
    guard = shapeguard.guard()
    with guard:
        child = FORK.Process(target=_work, args=(5,), name="half")
        child.start()
        child.join()
    assert child.exitcode == 1
    assert guard.report.outcome == "completed"
    assert guard.report.findings[0].failed_at is not None
    assert guard.report.findings[0].failed_at.line == _line("# the product")
    assert guard.report.findings[0].message.startswith("In half: ")
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "shapeguard" + os.sep not in shown.err.replace(__file__, "")
    assert shown.err.startswith("Process half:\nTraceback")


def test_a_size_is_followed_back_across_the_fork() -> None:
    guard = shapeguard.guard()
    with guard:
        whole = torch.ones(4, 3)
        part = whole[:2]  # before the fork
        if (pid := os.fork()) == 0:
            try:
                torch.cat([whole, part], dim=1)
            except RuntimeError as error:
                guard.failed(error)
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    finding = guard.report.findings[0]
    assert finding.code == "SG201"
    assert finding.location is not None
    assert finding.location.line == _line("# before the fork")


def test_a_killed_child_leaves_what_it_wrote(tmp_path: Path) -> None:
    guard = shapeguard.guard(out=tmp_path)
    with guard:
        torch.ones(2)
        if (pid := os.fork()) == 0:
            torch.ones(5, 5).reshape(25)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(pid, 0)
    (child,) = load_children(tmp_path / "recording.jsonl")
    assert child.footer is None
    assert [row.op for row in child.rows] == ["ones", "ones", "reshape"]
    assert child.header.inherited == 1
    assert (child.header.pid, child.header.parent) == (pid, os.getpid())
    assert child.sources  # from the parent
    parent = [row.op for row in guard.recording.rows]
    assert parent == ["ones"]


def test_a_child_that_leaves_the_with_block_writes_only_its_own_file(tmp_path: Path) -> None:
    pid, status = 1, None
    guard = shapeguard.guard(out=tmp_path)
    with guard:
        torch.ones(2)
        if (pid := os.fork()) == 0:
            torch.ones(3)
        else:  # before the parent leaves: it writes the report that the child must not have written
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if pid == 0:
        os._exit(0 if not (tmp_path / "report.json").exists() else 1)
    assert status == 0
    assert len([row for row in guard.recording.rows if row.op == "ones"]) == 1


def test_nothing_stays_patched_and_no_folder_stays_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert FORK is not None
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    owners = (process.BaseProcess, spawn, traceback)
    before = [dict(vars(owner)) for owner in owners]
    with shapeguard.guard():
        child = FORK.Process(target=_work, args=(3,))
        child.start()
        child.join()
    assert [dict(vars(owner)) for owner in owners] == before
    assert opened == []
    assert list(tmp_path.iterdir()) == []


def test_a_child_after_the_guard_is_not_watched(tmp_path: Path) -> None:
    assert FORK is not None
    with shapeguard.guard(out=tmp_path):
        pass
    child = FORK.Process(target=_work, args=(3,))
    child.start()
    child.join()
    assert list(tmp_path.glob("recording-*")) == []

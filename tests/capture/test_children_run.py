"""Spawned children and ranks under ``shapeguard run``: exit status and stdout as without, the cause in the child."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shapeguard.values.findings import Report
from shapeguard.values.store import load, load_children

SPAWN = """
import torch
import torch.multiprocessing as mp

def work(rank, size):
    weight = torch.ones(size + rank, 2)
    print((torch.ones(4, 3) @ weight).shape[1 - rank], flush=True)

if __name__ == "__main__":
    mp.spawn(work, args=(3,), nprocs=2)
"""

GATHER = """
import sys
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

def work(rank, world, file):
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=world)
    score = torch.arange(7.0)[rank::world]
    parts = [torch.zeros_like(score) for _ in range(world)] if rank == 0 else None
    dist.gather(score, parts, dst=0)
    dist.destroy_process_group()

if __name__ == "__main__":
    mp.spawn(work, args=(2, sys.argv[1]), nprocs=2)
"""

OTHERS = """
import subprocess, sys
code = "import sys; print([m for m in sys.modules if m.startswith('shapeguard')])"
print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
"""


def _run(folder: Path, text: str, *args: str) -> tuple[subprocess.CompletedProcess[str], Report]:
    script = folder / "script.py"
    script.write_text(text)
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "shapeguard", "run", "--out", str(folder / "out"), str(script), *args]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120)
    report = load(folder / "out" / "report.json")
    assert isinstance(report, Report)
    return done, report


@pytest.mark.slow
def test_a_spawned_child_is_guarded_from_its_start(tmp_path: Path) -> None:
    done, report = _run(tmp_path, SPAWN)
    assert done.returncode == 1
    assert done.stdout == "2\n"
    assert report.exception is not None
    assert report.exception.type == "ProcessRaisedException"
    assert report.failed_at is not None
    assert report.failed_at.line == 7
    assert report.findings[0].message.startswith("In SpawnProcess-2: ")
    children = load_children(tmp_path / "out" / "recording.jsonl")
    assert {child.header.process for child in children} == {"SpawnProcess-1", "SpawnProcess-2"}
    assert all(child.sources for child in children)


@pytest.mark.slow
def test_ranks_that_bring_other_shapes_are_seen_without_an_exception(tmp_path: Path) -> None:
    done, report = _run(tmp_path, GATHER, str(tmp_path / "rendezvous"))
    assert done.returncode == 0
    finding = report.findings[0]
    assert (finding.code, finding.severity) == ("SG701", "error")
    assert finding.location is not None
    assert finding.location.line == 9
    assert finding.mismatch is not None
    assert finding.mismatch.sizes == (4, 3)


def test_a_plain_subprocess_is_left_alone(tmp_path: Path) -> None:
    done, report = _run(tmp_path, OTHERS)
    assert done.stdout == "[]\n\n"
    assert report.findings == ()

"""The command ``shapeguard`` as it is typed: in a process and a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]

FAILING = """\
import sys
import torch


def join(left, right):
    kept = left[:3]  # the remark
    return torch.cat([kept, right])


print("before", sys.argv[1:])
join(torch.zeros(5, 4), torch.zeros(2, 7))
print("never")
"""

# Without a module: not found by the finder of installed packages, as on a machine that does not have it.
_WITHOUT = """
from importlib.machinery import PathFinder

_find_spec = PathFinder.find_spec


def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in {names!r} else _find_spec(name, path, target)


PathFinder.find_spec = find_spec
"""


class Ran(NamedTuple):
    """How a process ended."""

    status: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The only line it said."""
        assert self.out == ""
        assert self.err.count("\n") == 1, self.err
        return self.err.rstrip("\n")


def shapeguard(folder: Path, *words: str, stdin: str = "", without: Iterable[str] = (), **extra: str) -> Ran:
    """``shapeguard words…``, typed in a folder."""
    return python(folder, "-m", "shapeguard", *words, stdin=stdin, without=without, **extra)


def python(folder: Path, *words: str, stdin: str = "", without: Iterable[str] = (), **extra: str) -> Ran:
    """``python words…``, typed in a folder, on a machine without some modules."""
    env = environment(folder, set(without)) | extra
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=env,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=300,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def environment(folder: Path, without: set[str]) -> Mapping[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV", "PYTEST"))}
    path = [str(ROOT)]
    if without:
        site = folder.parent / f"{folder.name}-without"
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(_WITHOUT.format(names=without))
        path.append(str(site))
    return kept | {
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONIOENCODING": "utf-8",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }

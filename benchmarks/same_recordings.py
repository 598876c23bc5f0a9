"""Whether a change to capture left the recordings as they were.

python benchmarks/same_recordings.py save DIR      # before the change
python benchmarks/same_recordings.py compare DIR   # after it; status 1 and the first differing lines where one differs

The programs are those of ``tests/healthy`` and ``tests/cases``, each in a forked child at levels ``user`` and ``all``.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
import transformers

import shapeguard
from shapeguard.values.recording import Footer, Header
from shapeguard.values.store import dump_recording

_TESTS = Path(__file__).resolve().parent.parent / "tests"
LEVELS = ("user", "all")
_ADDRESS = re.compile(rb"0x[0-9a-f]{6,}")


def programs() -> Iterator[tuple[str, Path]]:
    """Name and path of each program."""
    for path in sorted((_TESTS / "healthy").glob("*.py")):
        yield path.stem, path
    for path in sorted((_TESTS / "cases").glob("*/script.py")):
        yield path.parent.name, path


def record(program: Path, level: str, out: Path) -> None:
    """Run a program under the guard and write its recording, less what differs from run to run."""
    sys.path.insert(0, str(program.parent))
    os.chdir(program.parent)
    sys.argv = [str(program)]
    torch.manual_seed(0)
    with contextlib.suppress(BaseException), shapeguard.guard(level) as guard:
        exec(compile(program.read_text(), str(program), "exec"), {"__name__": "__main__", "__file__": str(program)})
    recording = guard.recording
    recording.header = Header(level=level)
    if recording.footer is not None:
        recording.footer = Footer(recording.footer.outcome, 0.0, recording.footer.events)
    out.write_bytes(_ADDRESS.sub(b"0x", dump_recording(recording)))


def in_child(program: Path, level: str, out: Path) -> None:
    """``record`` in a forked child with its output thrown away."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        record(program, level, out)
    finally:
        os._exit(0)


def differing(before: bytes, after: bytes) -> list[str]:
    """The first lines in which two recordings differ."""
    lines = difflib.unified_diff(before.decode().splitlines(), after.decode().splitlines(), "before", "after", n=0)
    return [line[:400] for line in lines][:8]


def main() -> int:
    """Save or compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("save", "compare"))
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    different = 0
    for name, program in programs():
        for level in LEVELS:
            saved = folder / f"{name}.{level}.jsonl"
            out = saved if options.what == "save" else saved.with_suffix(".now")
            out.unlink(missing_ok=True)
            in_child(program, level, out)
            if not out.exists() or not saved.exists():
                print(f"{name} at {level}: no recording")
                different += 1
            elif lines := differing(saved.read_bytes(), out.read_bytes()) if out is not saved else []:
                print(f"{name} at {level} differs:", *lines, sep="\n  ")
                different += 1
    print(f"{different} differ, transformers {transformers.__version__}, torch {torch.__version__}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())

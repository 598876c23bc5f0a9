"""``shapeguard run`` many times without importing torch and transformers each time: a warm process is forked for each run.

The command itself is the same, typed in a process and a folder of its own; only the imports are there already.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.command import ROOT, Ran, environment


class Warm:
    """The door to a warm process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def shapeguard(self, folder: Path, *words: str) -> Ran:
        """``shapeguard words…``, typed in a folder."""
        with tempfile.TemporaryDirectory() as kept:
            out, err = Path(kept, "out"), Path(kept, "err")
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            print(json.dumps([str(folder), list(words), str(out), str(err)]), file=self._process.stdin, flush=True)
            status = int(self._process.stdout.readline())
            return Ran(status, out.read_text(errors="replace"), err.read_text(errors="replace"))


@contextmanager
def warm() -> Iterator[Warm]:
    """A warm process, and its end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.warm"],
        cwd=ROOT,
        env=environment(ROOT, set()),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Warm(process)
    finally:
        process.terminate()
        process.wait()


def _serve() -> None:
    import torch
    import transformers
    import transformers.models.bert.modeling_bert
    import transformers.models.gpt2.modeling_gpt2
    import transformers.models.llama.modeling_llama

    assert torch.__version__
    assert transformers.__version__
    for line in sys.stdin:
        folder, words, out, err = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(folder, words, out, err)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(folder: str, words: list[str], out: str, err: str) -> None:
    """The command in a forked process: it never returns."""
    status = 70
    try:
        os.chdir(folder)
        for stream, path in ((sys.stdout, out), (sys.stderr, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), stream.fileno())
        sys.argv = ["shapeguard", *words]
        from shapeguard.cli.main import main

        status = _ended(main)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _ended(main: object) -> int:
    assert callable(main)
    try:
        result = main()
    except SystemExit as end:
        result = end.code
    return result if isinstance(result, int) else 0 if result is None else 1


if __name__ == "__main__":
    _serve()

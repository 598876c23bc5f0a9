"""``install()``: the answer after an uncaught exception, and a process that is as it was after ``uninstall()``."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import shapeguard
from shapeguard.errors import UsageError

_ROOT = Path(__file__).resolve().parents[1]

PROGRAM = """
import threading
import torch
import shapeguard


def join(left, right):
    return torch.cat([left, right])


def main():
    thread = threading.Thread(target=join, args=(torch.zeros(3, 4), torch.zeros(2, 5)), name="joiner")
    thread.start()
    thread.join()
    print("still there")
    join(torch.zeros(3, 6), torch.zeros(2, 7))


"""

NOTEBOOK = """
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance(colors="nocolor")
kinds = [type(shell), *type(shell).__mro__]
shell.run_cell("import shapeguard, torch")
found = [dict(vars(kind)) for kind in kinds]
shell.run_cell("shapeguard.install()")
shell.run_cell("a = torch.zeros(3, 4)")
shell.run_cell("b = torch.zeros(2, 5)\\ndef join():\\n    return torch.cat([a, b])\\njoin()")
shell.run_cell("1 / 0")
shell.run_cell("a = torch.zeros(2, 2)")
shell.run_cell("b = torch.zeros(2, 5)\\njoin()")
shell.run_cell("raise KeyboardInterrupt")
shell.run_cell("shapeguard.uninstall()")
shell.run_cell("join()")
assert [dict(vars(kind)) for kind in kinds] == found
print("as it was")
"""


def _python(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(text)
    environment = {
        **os.environ,
        "PYTHONPATH": str(_ROOT),
        "OMP_NUM_THREADS": "1",
        "IPYTHONDIR": str(folder / "ipython"),
    }
    return subprocess.run(
        [sys.executable, "program.py"], cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=120
    )


@pytest.fixture
def clean() -> Iterator[None]:
    yield
    shapeguard.uninstall()


def test_the_answer_follows_in_the_main_thread_and_in_others(tmp_path: Path) -> None:
    done = _python(PROGRAM + "shapeguard.install()\nmain()\n", tmp_path)
    plain = _python(PROGRAM + "\nmain()\n", tmp_path)
    assert (done.returncode, done.stdout) == (plain.returncode, plain.stdout) == (1, "still there\n")
    thread, main = done.stderr.split("Traceback (most recent call last):")[1:]
    assert "4 against 5" in thread
    assert "6 against 7" in main
    assert "4 against 5" not in main
    assert main.index("RuntimeError: Sizes") < main.index("SG202 cat-feature-mismatch")


def test_tracebacks_show_none_of_our_frames(tmp_path: Path) -> None:
    done = _python(PROGRAM + "shapeguard.install()\nmain()\n", tmp_path)
    assert str(_ROOT / "shapeguard") not in done.stderr


def test_an_error_that_has_nothing_to_do_with_shapes_gets_no_answer(tmp_path: Path) -> None:
    text = "import torch, shapeguard\nshapeguard.install()\ntorch.zeros(2)\n{}['x']\n"
    assert _python(text, tmp_path).stderr == _python(text.replace("shapeguard.install()", ""), tmp_path).stderr


def test_uninstall_leaves_everything_as_found(clean: None) -> None:
    found = dict(vars(sys)), dict(vars(threading)), dict(vars(threading.Thread)), list(sys.meta_path)
    shapeguard.install()
    assert sys.excepthook is not found[0]["excepthook"]
    assert threading.excepthook is not found[1]["excepthook"]
    shapeguard.uninstall()
    shapeguard.uninstall()
    assert (dict(vars(sys)), dict(vars(threading)), dict(vars(threading.Thread)), list(sys.meta_path)) == found


def test_a_hook_that_came_in_between_stays_and_ours_is_quiet(
    clean: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    shapeguard.install()
    ours = sys.excepthook

    def theirs(*args: object) -> None:
        ours(*args)  # type: ignore[arg-type]

    sys.excepthook = theirs
    shapeguard.uninstall()
    assert sys.excepthook is theirs
    error = ValueError("shown once")
    theirs(ValueError, error, None)
    assert capsys.readouterr().err == "ValueError: shown once\n"


def test_a_second_install_is_refused(clean: None) -> None:
    shapeguard.install("crash")
    with pytest.raises(UsageError, match="installed in this process already"):
        shapeguard.install()


def test_bad_arguments_leave_nothing_behind(clean: None) -> None:
    hook = sys.excepthook
    with pytest.raises(UsageError, match="level: expected one of"):
        shapeguard.install("most")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="watch: expected groups"):
        shapeguard.install(watch=["concat"])
    assert sys.excepthook is hook
    shapeguard.install()


def test_a_notebook(tmp_path: Path) -> None:
    pytest.importorskip("IPython")
    done = _python(NOTEBOOK, tmp_path)
    assert done.stdout.endswith("as it was\n"), done.stderr
    first, second = done.stderr.split("─ shapeguard ─")[1:]
    assert "4 against 5" in first
    assert "2 against 5" in second
    assert "ZeroDivisionError" not in done.stderr
    assert done.stdout.count("RuntimeError: Sizes of tensors") == 3
    assert str(_ROOT / "shapeguard") not in done.stdout

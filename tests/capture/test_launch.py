"""A launched program does what plain python does with it: status, stdout and stderr are the same, byte for byte."""

from __future__ import annotations

import os
import py_compile
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from shapeguard.capture.launch import Exit, Target
from shapeguard.errors import UsageError

_DRIVER = Path(__file__).with_name("launch_driver.py")
_ROOT = _DRIVER.parents[2]

Ran = tuple[int, bytes, bytes]

SCRIPTS = dict(
    section.split("\n", 1) for section in _DRIVER.with_name("launch_scripts.txt").read_text().split("\n=== ")[1:]
)

BYTES = {
    "cookie": b"# coding: latin-1\nprint(ascii('\xe9'))\n",
    "bom": b"\xef\xbb\xbfprint('bom')\r\nprint('crlf')\r\n",
    "not_utf8": b"x = 1\nprint('\xe9')\n",
    "not_utf8_comment": b"x = 1\n# \xe9\n",
    "unknown_cookie": b"# coding: nosuch\nx = 1\n",
    "bad_pyc": b"\xa7\x0d\r\nxxxx",
}


def _run(folder: Path, command: list[str], stdin: bytes = b"") -> Ran:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV"))}
    environment["PYTHONPATH"] = str(_ROOT)
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, input=stdin, capture_output=True)
    return done.returncode, done.stdout, done.stderr


def _launched(folder: Path, words: list[str], stdin: bytes = b"", watcher: str = "null") -> Ran:
    return _run(folder, [str(_DRIVER), watcher, *words], stdin)


def _same_as_python(folder: Path, words: list[str], stdin: bytes = b"") -> Ran:
    plain = _run(folder, words, stdin)
    assert _launched(folder, words, stdin) == plain
    return plain


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_runs_as_with_python(name: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPTS[name], encoding="utf-8")
    (tmp_path / "broken_module.py").write_text("def f(:\n")
    _same_as_python(tmp_path, ["script.py", "--flag", "a b"], b"from stdin")


@pytest.mark.parametrize("name", BYTES)
def test_any_encoding_is_read_or_refused_as_by_python(name: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_bytes(BYTES[name])
    _same_as_python(tmp_path, ["script.py"])


def test_the_path_is_the_folder_of_the_real_script(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "links").mkdir()
    (tmp_path / "real" / "helper.py").write_text("print('helper')")
    (tmp_path / "real" / "script.py").write_text("import helper, sys; print(sys.path[0], __file__)\n1 / 0")
    (tmp_path / "links" / "script.py").symlink_to("../real/script.py")
    for words in (["./real/script.py"], ["links/script.py"], ["real/../links/script.py"]):
        _, out, _ = _same_as_python(tmp_path, words)
        assert out.startswith(b"helper\n")


def test_a_folder_and_a_zip_run_their_main(tmp_path: Path) -> None:
    text = "import sys; print(sys.argv, sys.path[0], __file__, __spec__.name, __package__)\n1 / 0"
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "__main__.py").write_text(text)
    with zipfile.ZipFile(tmp_path / "program.zip", "w") as archive:
        archive.writestr("__main__.py", text)
    for words in (["program", "x"], ["./program/", "x"], ["program.zip", "x"]):
        status, out, _ = _same_as_python(tmp_path, words)
        assert status == 1
        assert b"'x'" in out


def test_a_pyc_runs(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("print(type(__loader__), __file__)\n1 / 0")
    py_compile.compile(str(tmp_path / "script.py"), str(tmp_path / "script.pyc"))
    (tmp_path / "without_suffix").write_bytes((tmp_path / "script.pyc").read_bytes())
    for name in ("script.pyc", "without_suffix"):
        status, out, _ = _same_as_python(tmp_path, [name])
        assert status == 1
        assert out


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    show = "import sys; print(sys.argv, sys.path[0], __name__, __package__, __spec__.name)\n"
    files = {
        "pkg/__init__.py": "import sys; print('init', sys.argv)",
        "pkg/__main__.py": show + "1 / 0",
        "pkg/module.py": show + "from . import missing",
        "pkg/broken.py": "x = = 1",
        "pkg/interrupt.py": "raise KeyboardInterrupt",
        "pkg/leave.py": "import sys; sys.exit('bye')",
        "space/inner/module.py": show,
        "extended/__init__.py": "__path__ = [__path__[0] + '/../pkg']",
        "single.py": show,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


_MODULES = (
    "pkg",
    "pkg.module",
    "pkg.broken",
    "pkg.interrupt",
    "pkg.leave",
    "space.inner.module",
    "extended.leave",
    "single",
    "platform",
)


@pytest.mark.parametrize("name", _MODULES)
def test_a_module_runs_as_with_python(name: str, modules: Path) -> None:
    _same_as_python(modules, ["-m", name, "a", "--b"])


def test_a_working_folder_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import sys; print(sys.path[0])")
    go = "import os, sys; os.mkdir('x'); os.chdir('x'); os.rmdir('../x'); os.execv(sys.executable, sys.argv[1:])"
    for words in ([str(tmp_path / "script.py")], ["-m", "platform"]):
        plain = _run(tmp_path, ["-c", go, sys.executable, *words])
        assert _run(tmp_path, ["-c", go, sys.executable, str(_DRIVER), "null", *words]) == plain
        assert plain[0] == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nosuch.py"], "there is no nosuch.py"),
        (["empty"], "the folder or archive empty has no __main__.py"),
        (["-m", "nosuch"], "there is no nosuch"),
        (["-m", "pkg.nosuch"], "there is no pkg.nosuch"),
        (["-m", "space"], "space is a package without a __main__"),
        (["-m", "single.x"], "there is no single.x"),
        (["-m", "single.py"], "leave out -m: single.py"),
        (["-m", ".x"], "expected the name of a module"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_runs(words: list[str], says: str, modules: Path) -> None:
    (modules / "empty").mkdir()
    status, out, err = _launched(modules, words, watcher="talking")
    assert (status, out) == (2, b"")
    assert err.decode().count("\n") == 1
    assert err.decode().startswith("usage: ")
    assert says in err.decode()


def test_check_changes_nothing(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(modules)
    before = (sys.argv[:], sys.path[:], set(sys.modules), sys.modules["__main__"])
    Target.module("pkg.module").check()
    Target.script("single.py").check()
    with pytest.raises(UsageError):
        Target.module("pkg.nosuch").check()
    assert (sys.argv[:], sys.path[:], set(sys.modules), sys.modules["__main__"]) == before


_TALK = {
    "crash": (["<enter>", "<failed ZeroDivisionError in MainThread>", "Traceback", "<finish crashed>"], 1),
    "exit_text": (["<enter>", "text", "<finish completed>"], 1),
    "docstring": (["<enter>", "<finish completed>"], 0),
    "interrupt": (["<enter>", "<failed KeyboardInterrupt in MainThread>", "Traceback", "<finish interrupted>"], -2),
    "thread_crash": (["<enter>", "<failed ZeroDivisionError in T>", "Traceback", "<finish crashed>"], 0),
    "thread_hook": (["<enter>", "<failed ZeroDivisionError in T>", "<finish crashed>"], 0),
    "thread_exit": (["<enter>", "<finish completed>"], 0),
    "syntax_error": (["<enter>", "<failed SyntaxError in MainThread>", "SyntaxError", "<finish crashed>"], 1),
    "interrupt_subclass": (["<enter>", "<failed K in MainThread>", "Traceback", "<finish interrupted>"], 1),
}


@pytest.mark.parametrize("name", _TALK)
def test_the_watcher_hears_of_everything_in_order(name: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPTS[name])
    expected, status = _TALK[name]
    got, _, err = _launched(tmp_path, ["script.py"], watcher="talking")
    places = [err.decode().index(word) for word in expected]
    assert places == sorted(places)
    assert err.decode().count("<") == sum(word.startswith("<") for word in expected) + err.decode().count("<module>")
    assert got == status


@pytest.mark.parametrize("name", ["crash", "docstring", "interrupt", "thread_crash", "exit_text", "syntax_error"])
def test_a_broken_watcher_does_not_harm_the_program(name: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPTS[name])
    plain = _run(tmp_path, ["script.py"])
    status, out, err = _launched(tmp_path, ["script.py"], watcher="broken")
    assert (status, out) == plain[:2]
    troubles = [line for line in err.splitlines(keepends=True) if line.startswith(b"shapeguard could not")]
    assert b"".join(line for line in err.splitlines(keepends=True) if line not in troubles) == plain[2]
    assert len(troubles) >= 2


def test_interpreter_options_hold_for_the_program(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "import sys; print(sys.flags, sys.warnoptions, __debug__)\nimport warnings\nx = '\\d'"
    )
    for options in (["-O", "-X", "dev"], ["-W", "error"]):
        plain = _run(tmp_path, [*options, "script.py"])
        assert _run(tmp_path, [*options, str(_DRIVER), "null", "script.py"]) == plain


@pytest.mark.skipif(sys.version_info < (3, 11), reason="-P came with Python 3.11")
def test_a_safe_path_stays_safe(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import sys; print(sys.path)")
    assert _run(tmp_path, ["-P", str(_DRIVER), "null", "script.py"]) == _run(tmp_path, ["-P", "script.py"])


def test_launching_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "import sys; print({'torch', 'msgspec', 'transformers', 'rich'} & set(sys.modules))"
    )
    assert _launched(tmp_path, ["script.py"])[1] == b"set()\n"


def test_an_exit_knows_what_the_system_will_see() -> None:
    assert Exit(0).success
    assert Exit(256).success
    assert not Exit(1).success
    assert not Exit(128 + signal.SIGINT, by_sigint=True).success

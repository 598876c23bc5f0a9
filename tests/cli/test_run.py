"""``shapeguard run``: the program's own stdout and exit status, our words on stderr, four files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import FAILING, Ran, python, shapeguard

FILES = ["recording.jsonl", "report.html", "report.json", "report.md"]


def _script(folder: Path, text: str, name: str = "script.py") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return name


def _report(folder: Path) -> dict[str, object]:
    loaded: dict[str, object] = json.loads((folder / "report.json").read_text("utf-8"))
    return loaded


def test_a_failing_script(failed: tuple[Path, Ran]) -> None:
    folder, ran = failed
    plain = python(folder, "fail.py", "--out", "mine", "-x")
    assert (ran.status, ran.out) == (plain.status, plain.out) == (1, "before ['--out', 'mine', '-x']\n")
    assert ran.err.startswith(plain.err)
    assert ran.err.endswith("shapeguard: report in shapeguard-report\n")
    assert sorted(path.name for path in (folder / "shapeguard-report").iterdir()) == FILES


def test_its_report(failed: tuple[Path, Ran]) -> None:
    report = _report(failed[0] / "shapeguard-report")
    assert report["schema"] == "shapeguard.report/1"
    assert report["outcome"] == "crashed"
    assert report["exception"]["type"] == "RuntimeError"  # type: ignore[index]
    assert report["findings"][0]["mismatch"]["sizes"] == [4, 7]  # type: ignore[index]
    assert report["failed_at"]["line"] == 7  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("print('fine')", 0),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit(0)", 0),
        ("import sys; sys.exit(7)", 7),
        ("import sys; sys.exit('a reason')", 1),
        ("1 / 0", 1),
        ("def f(:", 1),
        ("import os; print('gone', flush=True); os._exit(5)", 5),
        ("import threading\nthreading.Thread(target=lambda: 1 / 0).start()", 0),
        ("import signal; signal.signal(2, signal.default_int_handler); signal.raise_signal(2)", -2),
        ("import sys; print(sys.stdin.read(), end='')", 0),
        ("import sys; sys.exit(5)", 5),
        ("import atexit; atexit.register(print, 'last')", 0),
    ],
)
def test_status_and_stdout_are_pythons(text: str, status: int, tmp_path: Path) -> None:
    name = _script(tmp_path, text)
    plain = python(tmp_path, name, stdin="from stdin\n")
    ran = shapeguard(tmp_path, "run", name, stdin="from stdin\n")
    assert (ran.status, ran.out) == (plain.status, plain.out)
    assert ran.status == status
    assert ran.err.startswith(plain.err)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("pass", "completed"),
        ("raise SystemExit(3)", "completed"),
        ("1 / 0", "crashed"),
        ("raise KeyboardInterrupt", "interrupted"),
    ],
)
def test_outcome(text: str, outcome: str, tmp_path: Path) -> None:
    shapeguard(tmp_path, "run", "--out", "report", _script(tmp_path, text))
    assert _report(tmp_path / "report")["outcome"] == outcome


def test_what_follows_the_script_is_the_scripts(tmp_path: Path) -> None:
    name = _script(tmp_path, "import sys; print(sys.argv)")
    words = ["--out", "x", "--level=all", "-m", "mod", "--", "--help", "-h", ""]
    assert shapeguard(tmp_path, "run", name, *words).out == f"{[name, *words]!r}\n"
    assert not (tmp_path / "x").exists()


def test_a_double_dash_ends_our_words(tmp_path: Path) -> None:
    _script(tmp_path, "import sys; print(sys.argv[1:])", "--odd.py")
    assert shapeguard(tmp_path, "run", "--", "--odd.py", "-v").out == "['-v']\n"


@pytest.mark.parametrize("option", [["-m", "package.tool"], ["-mpackage.tool"]])
def test_a_module(option: list[str], tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    _script(tmp_path, "import sys; print(__name__, __package__, sys.argv[1:])", "package/tool.py")
    ran = shapeguard(tmp_path, "run", "--out", "report", *option, "--out", "theirs", "-m", "x")
    assert ran.out == "__main__ package ['--out', 'theirs', '-m', 'x']\n"
    assert ran.status == 0
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == FILES


@pytest.mark.parametrize("name", ["my script.py", "größe 形状.py", "-dash.py"])
def test_names_of_all_kinds(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "a folder ü"
    folder.mkdir()
    _script(folder, FAILING, name)
    ran = shapeguard(tmp_path, "run", "--out", "out dir/größe", str(folder / name))
    assert (ran.status, ran.out) == (1, "before []\n")
    assert _report(tmp_path / "out dir" / "größe")["failed_at"]["file"] == str(folder / name)  # type: ignore[index]


@pytest.mark.parametrize(
    ("words", "status"),
    [(["--fail-on", "error"], 3), (["--fail-on=warning"], 3), (["--fail-on", "never"], 0), ([], 0)],
)
def test_fail_on(words: list[str], status: int, tmp_path: Path) -> None:
    name = _script(tmp_path, WRONG)
    ran = shapeguard(tmp_path, "run", *words, name)
    assert "SG103 no-attention-mask" in ran.err
    assert (ran.status, ran.out) == (status, "done\n")


# Padded rows without a mask: nothing crashes, the answer is wrong.
WRONG = """\
import torch
from transformers import LlamaConfig, LlamaForCausalLM
config = LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4,
                     num_key_value_heads=2, pad_token_id=0)
model = LlamaForCausalLM(config).eval()
ids = torch.tensor([[0, 0, 0, 5, 6], [3, 4, 5, 6, 7]])
model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=2, do_sample=False)
print("done")
"""


@pytest.mark.parametrize(("text", "status"), [("raise SystemExit(4)", 4), ("1 / 0", 1)])
def test_fail_on_never_changes_a_failure(text: str, status: int, tmp_path: Path) -> None:
    assert shapeguard(tmp_path, "run", "--fail-on", "warning", _script(tmp_path, text)).status == status


def test_no_source_leaves_no_line_of_the_program(tmp_path: Path) -> None:
    name = _script(tmp_path, FAILING)
    ran = shapeguard(tmp_path, "run", "--no-source", "--out", "report", name)
    assert ran.status == 1
    lines = {line.strip() for line in FAILING.splitlines() if len(line.strip()) > 6}
    pieces = lines | {"torch.cat(", "left[:3]", "[kept, right]", "the remark", "zeros(5"}
    for file in (tmp_path / "report").iterdir():
        text = file.read_text("utf-8")
        assert [piece for piece in pieces if piece in text] == [], file.name
    assert _report(tmp_path / "report")["findings"][0]["mismatch"]["sizes"] == [4, 7]  # type: ignore[index]


def test_an_earlier_report_is_moved_aside(tmp_path: Path) -> None:
    name = _script(tmp_path, "pass")
    for _ in range(3):
        assert shapeguard(tmp_path, "run", name).status == 0
    assert sorted(path.name for path in tmp_path.glob("shapeguard-report*")) == [
        "shapeguard-report", "shapeguard-report.1", "shapeguard-report.2",
    ]  # fmt: skip


def test_a_run_whose_folder_vanishes_keeps_its_status(tmp_path: Path) -> None:
    text = "import shutil, pathlib\nshutil.rmtree('report')\npathlib.Path('report').write_text('')\nraise SystemExit(6)"
    ran = shapeguard(tmp_path, "run", "--out", "report", _script(tmp_path, text), TMPDIR=str(tmp_path))
    assert ran.status == 6
    assert ran.err.count("cannot be written") == 1
    assert len(list(tmp_path.glob("shapeguard-report-*/report.json"))) == 1


@pytest.mark.parametrize("level", ["crash", "boundary", "user", "all"])
def test_every_level_explains_the_failure(level: str, tmp_path: Path) -> None:
    ran = shapeguard(tmp_path, "run", "--level", level, "--out", "report", _script(tmp_path, FAILING))
    assert (ran.status, ran.out) == (1, "before []\n")
    report = _report(tmp_path / "report")
    assert report["run"]["level"] == level  # type: ignore[index]
    assert report["findings"][0]["code"] == "SG202"  # type: ignore[index]


def test_trouble_of_our_own_is_one_line_and_changes_nothing(tmp_path: Path) -> None:
    broken = "import sys\nsys.modules['shapeguard.analysis'] = None\nprint('fine')\n"
    ran = shapeguard(tmp_path, "run", "--fail-on", "warning", "--out", "report", _script(tmp_path, broken))
    assert (ran.status, ran.out) == (0, "fine\n")
    assert ran.err.count("\n") == 1
    assert "the program is not affected" in ran.err
    assert (tmp_path / "report" / "recording.jsonl").exists()


def test_without_transformers(tmp_path: Path) -> None:
    ran = shapeguard(tmp_path, "run", _script(tmp_path, FAILING), without=["transformers"])
    assert (ran.status, ran.out) == (1, "before []\n")
    assert "SG202 cat-feature-mismatch" in ran.err


def test_without_torch(tmp_path: Path) -> None:
    name = _script(tmp_path, "import sys\nprint('torch' in sys.modules)\nimport torch")
    ran = shapeguard(tmp_path, "run", name, without=["torch", "transformers"])
    assert (ran.status, ran.out) == (1, "False\n")
    assert "ModuleNotFoundError: No module named 'torch'\n" in ran.err


def test_what_is_loaded_before_the_program(tmp_path: Path) -> None:
    text = "import sys\nprint(*sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)))"
    plain = set(python(tmp_path, _script(tmp_path, text)).out.split())
    ran = set(shapeguard(tmp_path, "run", "script.py").out.split())
    ours = {name for name in ran - plain if not name.startswith("_sysconfigdata")}
    assert ours <= {"shapeguard", "msgspec", "typing_extensions"}

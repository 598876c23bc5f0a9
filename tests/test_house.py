"""The rules of the house: who imports whom, what the import of shapeguard costs, and that no text has gone stale."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import shapeguard
from shapeguard.rules import RULES

_ROOT = Path(__file__).resolve().parents[1]
_PACKAGE = _ROOT / "shapeguard"
_FILES = sorted(_PACKAGE.rglob("*.py"))
_ROOMS = {"values", "capture", "analysis", "rules", "render", "reference", "cli"}

# What each room may import of ours. What is not named here is a front end, which may import all but the command line.
_ALLOWED = {
    "errors": {"errors"},
    "values": {"values", "errors"},
    "capture": {"capture", "values", "errors"},
    "rules": {"rules", "analysis", "values"},
    "analysis": {"analysis", "rules", "values", "errors"},
    "render": {"render", "values"},
    "reference": {"reference", "errors"},
}
_HEAVY = {"torch", "transformers", "tokenizers", "safetensors", "numpy", "gguf", "accelerate"}
_MAY_USE_TORCH = {"capture", "reference", "auditing", "verifying"}
_MAY_PRINT = {"cli", "output"}
_LONGEST_FILE = 400


def _room(file: Path) -> str:
    return file.relative_to(_PACKAGE).parts[0].removesuffix(".py")


def _imports(file: Path) -> Iterator[tuple[str, int]]:
    """Dotted names that a file imports, wherever in it, with their lines."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are written absolute"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def _name(file: Path) -> str:
    return str(file.relative_to(_ROOT))


@pytest.mark.parametrize("file", _FILES, ids=_name)
def test_imports_go_one_way(file: Path) -> None:
    room = _room(file)
    for name, line in _imports(file):
        package, _, rest = name.partition(".")
        if package == "shapeguard":
            target = rest.partition(".")[0]
            if target in _ROOMS or (_PACKAGE / f"{target}.py").exists():
                allowed = _ALLOWED.get(room)
                assert target != "cli" or room in ("cli", "__main__"), f"{file}:{line} imports the command line"
                assert allowed is None or target in allowed, f"{file}:{line}: {room} must not import {target}"
        elif package in _HEAVY:
            assert room in _MAY_USE_TORCH, f"{file}:{line}: {room} must not import {package}"


@pytest.mark.parametrize("file", _FILES, ids=_name)
def test_files_are_short_and_do_not_print(file: Path) -> None:
    text = file.read_text("utf-8")
    assert text.count("\n") <= _LONGEST_FILE
    if _room(file) not in _MAY_PRINT:
        calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
        printing = [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"]
        assert printing == []


@pytest.mark.parametrize("file", _FILES, ids=_name)
def test_every_file_says_what_it_is_for(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text("utf-8")))


def test_there_are_few_public_names_and_each_is_there() -> None:
    assert len(shapeguard.__all__) <= 20
    assert sorted(shapeguard.__all__) == list(shapeguard.__all__)
    assert set(shapeguard.__all__) == set(shapeguard._HOME)
    assert all(getattr(shapeguard, name) is not None for name in shapeguard.__all__)
    assert set(shapeguard.__all__) <= set(dir(shapeguard))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        shapeguard.nothing  # noqa: B018


def _loaded_after(statement: str) -> set[str]:
    """Top-level modules that a statement brings into a fresh interpreter."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_importing_shapeguard_loads_nothing_else() -> None:
    assert _loaded_after("import shapeguard") - set(sys.stdlib_module_names) == {"shapeguard"}


def test_a_guard_loads_neither_torch_nor_transformers() -> None:
    assert not _loaded_after("import shapeguard; shapeguard.guard(); shapeguard.analyze") & _HEAVY


def test_importing_shapeguard_takes_no_time() -> None:
    code = "import time; start = time.perf_counter(); import shapeguard; print(time.perf_counter() - start)"
    command = [sys.executable, "-c", code]
    took = [float(subprocess.run(command, cwd=_ROOT, capture_output=True, check=True).stdout) for _ in range(5)]
    assert min(took) < 0.05


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", _ROOT / "scripts" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_up_to_date() -> None:
    generate = _generator()
    pages: dict[Path, str] = generate.pages()
    stale = [str(path) for path, text in pages.items() if not path.exists() or path.read_text("utf-8") != text]
    assert stale + generate.left_over(pages) == [], "run scripts/generate.py"
    assert {f"{rule.code}.md" for rule in RULES} <= {path.name for path in pages}


def test_the_checks_run_the_readmes_commands() -> None:
    readme = (_ROOT / "README.md").read_text("utf-8")
    commands = re.findall(r"^python3 -m venv .*$", readme, re.MULTILINE)
    assert [command.rpartition(" && ")[2] for command in commands] == [
        ".venv/bin/shapeguard demo",
        ".venv/bin/python -m pytest -n auto --dist loadfile",
    ]
    assert all(" -c constraints.txt " in command for command in commands)
    assert "grep -m1 -E '^python3 -m venv .*pytest' README.md" in (_ROOT / ".ci" / "run").read_text("utf-8")


@pytest.mark.parametrize("document", [_ROOT / "README.md", *sorted((_ROOT / "docs").glob("*.md"))], ids=_name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text("utf-8")):
        assert (document.parent / link).exists(), link


def _tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=_ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a checkout of git")
    return done.stdout.splitlines()


def test_no_stray_files() -> None:
    folders = r"shapeguard|tests|examples|docs|scripts|benchmarks"
    files = r"README\.md|CHANGELOG\.md|LICENSE|constraints\.txt|pyproject\.toml|setup\.py|\.gitignore|\.ci/run"
    stray = [name for name in _tracked() if not re.fullmatch(rf"({folders})/.+|{files}", name)]
    assert stray == []
    assert [name for name in _tracked() if re.search(r"\.(pyc|orig|rej|log|tmp|bak)$|~$|/\.", name)] == []

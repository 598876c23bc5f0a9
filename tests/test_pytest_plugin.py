"""``pytest --shapeguard`` through its public door: whole pytest runs in a process of their own."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]

TESTS = """
import unittest

import pytest
import torch


def join(left, right):
    return torch.cat([left, right])


def test_passes():
    assert torch.ones(2).sum() == 2


def test_cat():
    print("from stdout")
    join(torch.zeros(3, 4), torch.zeros(2, 5))


def test_asserts():
    assert torch.ones(2).sum() == 3


def test_unknown_cause():
    assert (torch.zeros(3, 4) + torch.zeros(5)).sum() == 1


def test_caught():
    with pytest.raises(RuntimeError):
        join(torch.zeros(3, 4), torch.zeros(2, 5))


@pytest.mark.xfail
def test_expected():
    join(torch.zeros(3, 4), torch.zeros(2, 5))


def test_skipped():
    pytest.skip("not today")


class TestCase(unittest.TestCase):
    def test_in_a_class(self):
        join(torch.zeros(3, 4), torch.zeros(2, 5))


@pytest.fixture
def broken():
    return join(torch.zeros(3, 4), torch.zeros(2, 5))


def test_fixture(broken):
    pass
"""


def _pytest(folder: Path, *words: str, plugin: bool = True) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "COV"))}
    environment |= {"PYTHONPATH": str(_ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no"]
    if plugin:
        command += ["-p", "shapeguard.pytest_plugin"]
    done = subprocess.run(
        [*command, *words], cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=120
    )
    return done.stdout + done.stderr


def _explained(text: str) -> list[str]:
    """Names of the tests that have a section of ours, in order."""
    names: list[str] = []
    current = ""
    for line in text.splitlines():
        if title := re.fullmatch(r"_{3,} (.+?) _{3,}", line):
            current = title[1]
        elif re.fullmatch(r"-{3,} shapeguard -{3,}", line):
            names.append(current)
    return names


def _last(text: str) -> str:
    return re.sub(r" in [\d.]+s.*", "", text.strip().splitlines()[-1].strip("= "))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("project")
    (path / "test_it.py").write_text(TESTS)
    return path


@pytest.fixture(scope="module")
def with_plugin(folder: Path) -> str:
    return _pytest(folder, "--shapeguard", "test_it.py")


@pytest.fixture(scope="module")
def without(folder: Path) -> str:
    return _pytest(folder, "test_it.py", plugin=False)


def test_the_tests_that_fail_by_their_shapes_are_explained(with_plugin: str) -> None:
    assert sorted(_explained(with_plugin)) == [
        "ERROR at setup of test_fixture",
        "TestCase.test_in_a_class",
        "test_cat",
        "test_unknown_cause",
    ]
    assert with_plugin.count("SG202 cat-feature-mismatch") == 3
    assert "clash in dimension 1: 4 against 5" in with_plugin


BUILT = """
import pytest
import torch


@pytest.fixture
def model():
    return torch.nn.Sequential(
        torch.nn.Linear(8, 16),
        torch.nn.Linear(32, 4),
    )


@pytest.fixture
def on_the_cpu():
    with torch.device("cpu"):
        yield


def test_forward(model, on_the_cpu):
    model(torch.zeros(2, 8))


def test_after(model):
    assert torch.ones(2).device.type == "cpu"
"""


def test_a_model_that_a_fixture_makes_is_watched_being_built(tmp_path: Path) -> None:
    (tmp_path / "test_built.py").write_text(BUILT)
    text = _pytest(tmp_path, "--shapeguard", "test_built.py")
    assert _last(text) == "1 failed, 1 passed"
    assert "where to change  test_built.py:10 in model\n    torch.nn.Linear(32, 4)," in text


SHARED = """
import pytest
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU())
        self.head = torch.nn.Linear(32, 4)

    def forward(self, x):
        return self.head(self.body(x))


@pytest.fixture(scope="session")
def model():
    return Net()


def test_first(model):
    assert model.training


def test_second(model):
    model(torch.zeros(2, 8))
"""


def test_a_layer_that_a_shared_fixture_made_before_is_found_in_its_class(tmp_path: Path) -> None:
    (tmp_path / "test_shared.py").write_text(SHARED)
    text = _pytest(tmp_path, "--shapeguard", "test_shared.py")
    assert "where to change  test_shared.py:10 in Net.__init__\n    self.head = torch.nn.Linear(32, 4)" in text


CONFIGURED = {
    "net.py": """
from dataclasses import dataclass

from torch import nn


@dataclass
class Config:
    vocab: int = 50
    dim: int = 32
    classes: int = 4


class Encoder(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.embed = nn.Embedding(cfg.vocab, cfg.dim)
        self.head = nn.Linear(cfg.dim * 2, cfg.classes)

    def forward(self, ids):
        return self.head(self.embed(ids).mean(1))
""",
    "conftest.py": """
import pytest

from net import Config, Encoder


@pytest.fixture
def cfg():
    return Config()


@pytest.fixture()
def model(cfg):
    return Encoder(cfg)
""",
    "test_configured.py": """
import torch


def test_forward(model, cfg):
    assert model(torch.randint(0, cfg.vocab, (2, 7))).shape == (2, 4)
""",
}


def test_a_fixture_that_a_fixture_asks_for_is_climbed_into(tmp_path: Path) -> None:
    for name, text in CONFIGURED.items():
        (tmp_path / name).write_text(text)
    assert "where to change  net.py:18 in Encoder.__init__" in _pytest(tmp_path, "--shapeguard")


def test_results_and_tracebacks_are_as_without(with_plugin: str, without: str) -> None:
    assert _last(with_plugin) == _last(without) == "4 failed, 2 passed, 1 skipped, 1 xfailed, 1 error"
    ours = re.sub(r"(?ms)^-+ shapeguard -+\n.*?(?=^[-_=]{5,})", "", with_plugin)
    # The rulers are as long as the time beside them leaves.
    varying = r"(?m)^shapeguard: watching.*\n|0x[0-9a-f]+|={3,}| in [\d.]+s"
    assert re.sub(varying, "", ours) == re.sub(varying, "", without)


@pytest.mark.parametrize("words", [["-s"], ["--tb=native"], ["--tb=short"]], ids=lambda words: words[0])
def test_other_ways_to_show(folder: Path, words: list[str]) -> None:
    text = _pytest(folder, "--shapeguard=boundary", "test_it.py", "-k", "test_cat or class", *words)
    assert _explained(text) == ["test_cat", "TestCase.test_in_a_class"]
    assert str(_ROOT / "shapeguard") not in text


def test_none_of_our_frames_is_in_the_full_trace(folder: Path) -> None:
    text = _pytest(folder, "--shapeguard", "test_it.py::test_cat", "--full-trace")
    assert _explained(text) == ["test_cat"]
    assert "def _multicall" in text
    assert str(_ROOT / "shapeguard") not in text


def test_the_path_after_the_bare_option_is_a_path(folder: Path) -> None:
    text = _pytest(folder, "--shapeguard", "test_it.py::test_cat")
    assert _last(text) == "1 failed"
    assert "watching at level user" in text


def test_the_option_may_stand_in_the_ini_file(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --shapeguard=all\n")
    (tmp_path / "test_it.py").write_text(TESTS)
    text = _pytest(tmp_path, "-k", "test_cat")
    assert "watching at level all" in text
    assert _explained(text) == ["test_cat"]


def test_an_unknown_level_is_refused_in_one_line(folder: Path) -> None:
    text = _pytest(folder, "--shapeguard=most", "test_it.py")
    assert text.strip() == "ERROR: --shapeguard: expected one of crash, boundary, user, all, got 'most'"


LOADED = """
import sys

def test_loaded():
    assert {name for name in sys.modules if name.startswith("shapeguard")} == {"shapeguard", "shapeguard.pytest_plugin"}
    assert "torch" not in sys.modules and "msgspec" not in sys.modules
"""


def test_without_the_option_it_is_quiet_and_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(LOADED)
    text = _pytest(tmp_path)
    assert _last(text) == "1 passed"
    assert "shapeguard:" not in text


def test_tests_of_an_installed_package_are_the_users_own_code(tmp_path: Path) -> None:
    package = tmp_path / "lib" / "site-packages" / "package" / "tests"
    package.mkdir(parents=True)
    (package / "conftest.py").write_text(
        "import pytest, torch\n\n\n@pytest.fixture\ndef join():\n"
        "    def join(left, right):\n        return torch.cat([left, right])\n    return join\n"
    )
    (package / "test_it.py").write_text(
        "import torch\n\ndef test_cat(join):\n    join(torch.zeros(3, 4), torch.zeros(2, 5))\n"
    )
    text = _pytest(tmp_path, "--shapeguard", str(package), "--rootdir", str(package.parent))
    assert _explained(text) == ["test_cat"]
    assert re.search(r"wheretochange\S*/package/tests/conftest\.py:7", "".join(text.split()))


@pytest.mark.skipif(importlib.util.find_spec("xdist") is None, reason="pytest-xdist is not installed")
def test_the_answer_comes_back_from_the_workers_of_xdist(folder: Path) -> None:
    text = _pytest(folder, "-p", "xdist", "--shapeguard", "-n", "2", "test_it.py", "-k", "test_cat or class or passes")
    assert sorted(_explained(text)) == ["TestCase.test_in_a_class", "test_cat"]
    assert _last(text) == "2 failed, 1 passed"


def test_pytest_finds_the_plugin_by_itself() -> None:
    found = [point.value for point in entry_points(group="pytest11") if point.name == "shapeguard"]
    if not found:
        pytest.skip("shapeguard is not installed here")
    assert set(found) == {"shapeguard.pytest_plugin"}

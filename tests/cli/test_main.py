"""The door of the command: help, version, unknown words, and how long it takes to open."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shapeguard import __version__
from shapeguard.cli import run
from shapeguard.cli.main import COMMANDS, parser
from tests.cli.command import ROOT, shapeguard

BARE = ("torch", "transformers", "numpy", "rich", "jinja2")


def test_help_names_every_command(tmp_path: Path) -> None:
    ran = shapeguard(tmp_path, "--help", without=BARE)
    assert (ran.status, ran.err) == (0, "")
    assert all(f"\n    {name} " in ran.out for name in COMMANDS)
    assert shapeguard(tmp_path).out == ran.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_at_80_columns(command: str, tmp_path: Path) -> None:
    ran = shapeguard(tmp_path, command, "--help", without=BARE, COLUMNS="80")
    assert (ran.status, ran.err) == (0, "")
    assert COMMANDS[command].SUMMARY.split()[0] in ran.out
    assert all(len(line) <= 85 for line in ran.out.splitlines())


def test_version(tmp_path: Path) -> None:
    assert shapeguard(tmp_path, "--version").out == f"shapeguard {__version__}\n"


def test_an_unknown_command_is_one_line(tmp_path: Path) -> None:
    ran = shapeguard(tmp_path, "explain")
    assert ran.status == 2
    assert "invalid choice: 'explain'" in ran.line
    assert "'run'" in ran.line


def test_the_options_of_run_that_take_a_value_are_known() -> None:
    """``run`` finds the script's name by them, before anything is parsed."""
    commands = next(action for action in parser()._actions if action.dest == "command")
    actions = commands.choices["run"]._actions  # type: ignore[call-overload,index]
    taking = {word for action in actions if action.nargs is None for word in action.option_strings}
    assert taking == {*run._WITH_VALUE, "-m"}


def test_a_reader_that_has_seen_enough(tmp_path: Path) -> None:
    command = f"{sys.executable} -m shapeguard rules SG301 | head -1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}
    )
    assert done.stderr == ""


@pytest.mark.parametrize("words", [["--help"], ["rules", "SG301"]])
def test_it_opens_fast(words: list[str], tmp_path: Path) -> None:
    times = []
    for _ in range(4):
        start = os.times()
        assert shapeguard(tmp_path, *words).status == 0
        end = os.times()
        times.append(end.children_user - start.children_user + end.children_system - start.children_system)
    assert min(times) < 0.5  # of the processor; 0.1 to 0.2 s where nothing else runs

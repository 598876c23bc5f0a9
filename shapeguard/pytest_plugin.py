"""``pytest --shapeguard[=LEVEL]``: the answer as a section of a test that fails by its shapes.

This module is loaded in every pytest run, so it only declares the option; the working part is loaded when it is given.
"""

from __future__ import annotations

import pytest

_OPTION = "--shapeguard"
_LEVELS = ("crash", "boundary", "user", "all")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("shapeguard").addoption(
        _OPTION,
        nargs="?",
        const="user",
        default=None,
        metavar="LEVEL",
        help="Explain tests that fail by their tensors' shapes. --shapeguard=LEVEL with LEVEL one of "
        f"{', '.join(_LEVELS)} says how much is watched (default: user).",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Let ``pytest --shapeguard tests/`` mean what it says: only ``--shapeguard=LEVEL`` gives a level."""
    if _OPTION not in args:
        return
    args[:] = [f"{_OPTION}=user" if word == _OPTION else word for word in args]
    given = parser.parse_known_args(args)
    early_config.known_args_namespace.file_or_dir = given.file_or_dir
    early_config.known_args_namespace.shapeguard = given.shapeguard


def pytest_configure(config: pytest.Config) -> None:
    level = config.getoption("shapeguard")
    if level is None:
        return
    if level not in _LEVELS:
        raise pytest.UsageError(f"{_OPTION}: expected one of {', '.join(_LEVELS)}, got {level!r}")
    from shapeguard.pytest_guard import TestGuard

    config.pluginmanager.register(TestGuard(level), "shapeguard-guard")

"""A run that failed, made once for all tests that look at what it left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import FAILING, Ran, shapeguard


@pytest.fixture(scope="session")
def failed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """The folder in which ``shapeguard run fail.py`` was typed, and how it ended."""
    folder = tmp_path_factory.mktemp("failed")
    (folder / "fail.py").write_text(FAILING)
    return folder, shapeguard(folder, "run", "fail.py", "--out", "mine", "-x")

"""``shapeguard rules``: the list, the pages, and help with a code that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from shapeguard.rules import RULES
from tests.cli.command import shapeguard

BARE = ("torch", "transformers", "numpy", "rich", "jinja2")


def test_the_list_without_torch(tmp_path: Path) -> None:
    ran = shapeguard(tmp_path, "rules", without=BARE)
    assert (ran.status, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert [line.split()[:2] for line in lines] == [[rule.code, rule.name] for rule in RULES]
    assert all(len(line.split()) > 4 for line in lines)


@pytest.mark.parametrize("word", ["SG301", "sg301", "cache-batch-mismatch"])
def test_a_page_without_torch(word: str, tmp_path: Path) -> None:
    ran = shapeguard(tmp_path, "rules", word, without=BARE)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("# SG301 cache-batch-mismatch\n")
    assert "## Use instead" in ran.out


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("SG300", "did you mean SG30"),
        ("SG999", "`shapeguard rules` lists them"),
        ("cache-batch-missmatch", "did you mean cache-batch-mismatch?"),
        ("nonsense", "`shapeguard rules` lists them"),
    ],
)
def test_an_unknown_code(word: str, hint: str, tmp_path: Path) -> None:
    ran = shapeguard(tmp_path, "rules", word)
    assert ran.status == 2
    assert ran.line.startswith(f"shapeguard: no rule is called {word!r}; {hint}")

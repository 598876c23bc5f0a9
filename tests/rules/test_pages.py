"""Every rule's page is true: its failing block gives exactly its code, its mended block gives nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import shapeguard
from shapeguard.rules import RULES, Rule
from shapeguard.values.findings import Report

_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
_SECTIONS = ["What it is", "Why it goes wrong", "Example", "Use instead"]


def _blocks(rule: Rule) -> list[str]:
    return _BLOCK.findall(rule.page)


def _run(text: str, folder: Path) -> Report:
    script = folder / "block.py"
    script.write_text(text)
    guard = shapeguard.guard()
    try:
        with guard:
            exec(compile(text, str(script), "exec"), {"__name__": "__block__"})
    except Exception:
        assert guard.report.outcome == "crashed"
    return guard.report


def _ids(rule: Rule) -> str:
    return rule.code


@pytest.mark.parametrize("rule", RULES, ids=_ids)
def test_the_failing_block_gives_exactly_this_code(rule: Rule, tmp_path: Path) -> None:
    report = _run(_blocks(rule)[0], tmp_path)
    assert [finding.code for finding in report.findings] == [rule.code]
    assert report.findings[0].name == rule.name
    assert report.findings[0].location is not None
    assert Path(report.findings[0].location.file).name == "block.py"
    assert report.run.notes == ()


@pytest.mark.parametrize("rule", RULES, ids=_ids)
def test_the_mended_block_gives_nothing(rule: Rule, tmp_path: Path) -> None:
    report = _run(_blocks(rule)[1], tmp_path)
    assert report.outcome == "completed"
    assert report.findings == ()


@pytest.mark.parametrize("rule", RULES, ids=_ids)
def test_the_page_has_its_sections_in_order(rule: Rule) -> None:
    assert re.findall(r"^## (.+)$", rule.page, re.MULTILINE) == _SECTIONS
    assert re.fullmatch(r"SG[1-7]\d\d", rule.code)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
    assert len(_blocks(rule)) == 2


def test_codes_and_names_are_used_once() -> None:
    assert len({rule.code for rule in RULES}) == len(RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)

"""The bug report is sound Markdown whatever the program's text holds."""

from __future__ import annotations

import re

import pytest

from shapeguard.render.markdown import code, render
from tests.render import samples


def tables(text: str) -> list[list[str]]:
    """The pipe tables outside code blocks, each as its lines."""
    found: list[list[str]] = []
    fence = ""
    for line in text.splitlines():
        opened = re.match(r"`{3,}", line)
        if opened and not fence:
            fence = opened[0]
        elif fence and line == fence:
            fence = ""
        elif not fence and line.startswith("|"):
            if not found or not found[-1]:
                found.append([])
            found[-1].append(line)
        elif found and found[-1]:
            found.append([])
    assert not fence, "a code block was left open"
    return [table for table in found if table]


@pytest.mark.parametrize("name", samples.ALL)
def test_tables_have_equal_rows(name: str) -> None:
    for table in tables(render(samples.ALL[name])):
        columns = [len(re.findall(r"(?<!\\)\|", line)) - 1 for line in table]
        assert len(set(columns)) == 1, table
        assert set(table[1]) <= set("|- ")


@pytest.mark.parametrize("name", samples.ALL)
def test_folded_parts_are_closed(name: str) -> None:
    text = render(samples.ALL[name])
    assert text.count("<details>") == text.count("</details>")


def test_the_answer_comes_first_with_the_clash_in_bold() -> None:
    text = render(samples.CRASH)
    assert text.startswith("## shapeguard: SG301 cache-batch-mismatch (error)\n")
    assert "(**batch 4**, kv_heads 2, past 24, head_dim 16)" in text
    assert "**Where to change:** `examples/batched_generation.py:72` in `generate_batch`" in text
    assert "+ past_key_values.batch_select_indices" in text
    assert "| torch | `2.13.0` |" in text
    assert text.index("Where to change") < text.index("Operands") < text.index("Fix") < text.index("Environment")


def test_prompts_and_outputs_are_left_out() -> None:
    text = render(samples.CRASH)
    assert "little fox" not in text
    assert "Paris" not in text


def test_markup_of_the_program_is_not_markup_here() -> None:
    text = render(samples.HOSTILE)
    outside = re.sub(r"^(`{3,})\w*\n.*?\n\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    outside = re.sub(r"\\[^\w\s]", "", outside)
    outside = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", outside)
    assert not re.search(r"<(?!/?(details|summary)>)", outside)


def test_a_long_run_is_cut_with_a_note() -> None:
    text = render(samples.long_report())
    assert re.search(r"[\d,]+ more rows in report.json", text)
    assert len(text.splitlines()) < 120


@pytest.mark.parametrize("text", ["a", "a`b", "``", "`a", "a```b"])
def test_inline_code_outlives_backticks(text: str) -> None:
    written = code(text)
    fence = re.match("`+", written)
    assert fence is not None
    assert written.endswith(fence[0])
    assert fence[0] not in re.sub(r"\s", "", text) or len(fence[0]) > text.count("`")

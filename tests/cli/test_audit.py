"""``shapeguard audit``: what it prints, its formats, its exit status, and bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.auditing.pipelines import folder, tokenizer
from tests.cli.command import shapeguard


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model whose tokenizer pads on the right, and prompts."""
    at = tmp_path_factory.mktemp("audited")
    folder(at / "model", words=tokenizer(padding_side="right"))
    (at / "prompts.txt").write_text("a fox sat on the mat\n\na moon\n")
    (at / "empty.txt").write_text("\n")
    return at


def test_the_answer_and_the_picture(place: Path) -> None:
    ran = shapeguard(place, "audit", "model", "--prompts", "prompts.txt")
    assert (ran.status, ran.err) == (0, "")
    assert "SG101 right-padded-decoder · error" in ran.out
    assert "model/tokenizer_config.json:" in ran.out
    assert "6  ██████\n    2  ██····\n" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_json_and_html_hold_the_same(place: Path) -> None:
    ran = shapeguard(place, "audit", "model", "--prompts", "prompts.txt", "--json", "--html", "page.html")
    report = json.loads(ran.out)
    assert (ran.status, ran.err) == (0, "")
    assert report["schema"] == "shapeguard.report/1"
    assert report["findings"][0]["code"] == "SG101"
    assert report["batch"]["rows"][1] == {"length": 2, "runs": [["token", 2], ["pad", 4]]}
    page = (place / "page.html").read_text()
    assert '<section id="batch"' in page
    assert '<span class="cell pad" title="padding">····</span>' in page


def test_findings_may_be_told_by_the_status(place: Path) -> None:
    words = ("audit", "model", "--prompts", "prompts.txt", "--fail-on")
    assert [shapeguard(place, *words, level).status for level in ("error", "never")] == [3, 0]


def test_a_limit_of_new_tokens_is_taken_into_account(place: Path) -> None:
    ran = shapeguard(place, "audit", "model", "--prompts", "prompts.txt", "--max-new-tokens", "200", "--json")
    assert "SG106" in [finding["code"] for finding in json.loads(ran.out)["findings"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "nowhere: no such folder or file; expected a model folder or a .gguf file"),
        ((".",), "expected a config.json or exactly one .gguf file, found neither"),
        (("model", "--prompts", "nowhere.txt"), "--prompts nowhere.txt: cannot be read (No such file or directory)"),
        (("model", "--prompts", "empty.txt"), "--prompts empty.txt: expected one prompt a line, got an empty file"),
        (("model", "--max-new-tokens", "-3"), "--max-new-tokens: expected 1 or more, got -3"),
        ((), "the following arguments are required: MODEL_DIR"),
    ],
)
def test_bad_input_is_one_line(words: tuple[str, ...], said: str, place: Path) -> None:
    ran = shapeguard(place, "audit", *words)
    assert ran.status == 2
    assert said in ran.line


def test_without_transformers_it_says_so(place: Path) -> None:
    ran = shapeguard(place, "audit", "model", without=["transformers"])
    assert (ran.status, ran.line) == (
        2, "shapeguard: the audit needs transformers, which is not installed: pip install transformers",
    )  # fmt: skip

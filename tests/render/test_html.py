"""The page is whole, parses, escapes everything, reaches for nothing outside and can be read by everyone."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

import shapeguard.render.html as page
from shapeguard.render.html import render
from tests.render import samples

VOID = {"meta", "input", "br", "circle", "path", "link", "img"}


class Page(HTMLParser):
    """Collects the elements and checks that they close in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.mark.parametrize("name", samples.ALL)
def test_the_page_is_well_formed(name: str) -> None:
    parsed = Page(render(samples.ALL[name]))
    assert parsed.all("html") == [{"lang": "en"}]
    assert len(parsed.all("h1")) == len(parsed.all("main")) == len(parsed.all("title")) == 1
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {str(link["href"])[1:] for link in parsed.all("a")}
    assert targets <= set(ids)


@pytest.mark.parametrize("name", samples.ALL)
def test_headings_skip_no_level(name: str) -> None:
    levels = [int(tag[1]) for tag, _ in Page(render(samples.ALL[name])).elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", samples.ALL)
def test_nothing_outside_is_asked_for(name: str) -> None:
    text = render(samples.ALL[name])
    parsed = Page(text)
    assert not {"link", "img", "iframe", "object", "embed", "base"} & {tag for tag, _ in parsed.elements}
    for _, attributes in parsed.elements:
        assert "src" not in attributes
        assert not any(attribute.startswith("on") for attribute in attributes)
        assert (attributes.get("href") or "#").startswith("#")
    assert "http://" not in text
    assert "https://" not in text
    assert not re.search(r"url\(|@import", text)


def test_the_programs_text_is_text() -> None:
    text = render(samples.HOSTILE)
    parsed = Page(text)
    assert len(parsed.all("script")) == 1
    assert "<script>alert(1)</script>" in parsed.text
    assert "{{ 7 * 7 }}" in parsed.text
    assert "\x1b" not in text
    assert "\u202e" not in text
    for word in ("<dim>", "<out>", "<prompt>", "<note>", "<op>|", "<err>"):
        assert word in parsed.text


def test_the_policy_lets_only_our_script_run() -> None:
    text = render(samples.CRASH)
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in str(Page(text).all("meta")[1]["content"])


def test_the_answer_with_its_operands_clash_and_fix() -> None:
    text = render(samples.CRASH)
    words = Page(text).text
    for said in (
        "SG301 cache-batch-mismatch",
        "Sizes of tensors must match except in dimension 2",
        "examples/batched_generation.py:72",
        "Clash in batch (dimension 0): 4 against 3",
        "batch_select_indices",
        "SG101",
    ):
        assert said in words
    assert text.count('<li class="clash">') == 2


def test_both_runs_stand_side_by_side() -> None:
    parsed = Page(render(samples.CRASH))
    assert len(parsed.all("svg")) == 5
    assert "Rows of the cache over 12 steps: failing run 4 to 4; reference run 4 to 1" in [
        chart.get("aria-label") for chart in parsed.all("svg")
    ]
    for said in ("Paris.", "Thursday Friday Saturday Sunday.", "the the forest", "3 rows enter, the cache holds 4"):
        assert said in parsed.text
    rows = re.findall(r"<tr[^>]*>.*?</tr>", render(samples.CRASH).split('id="aligned-inputs"')[1], re.DOTALL)[2:14]
    parts = [len(re.findall(r'class="parts', row)) // 2 for row in rows]
    assert parts == [1, 1, 1, 4, 4, 4, 4, 0, 0, 0, 0, 0]
    assert all('class="left over">over' in row for row in rows[7:])


def test_without_a_comparison_there_is_no_trace_of_one() -> None:
    assert 'id="beside"' not in render(samples.SILENT)


def test_a_long_run_is_cut_with_a_note() -> None:
    text = render(samples.long_report())
    assert len(re.findall("<tr", text)) < 1300
    assert "4,800 more rows in report.json" in text
    assert "2,500 more rows in report.json" in text


@pytest.mark.parametrize("name", ["crash", "silent"])
def test_severity_and_clash_are_words_too(name: str) -> None:
    text = re.sub(r'class="[^"]*"', "", render(samples.ALL[name]))
    words = Page(text).text
    for finding in samples.ALL[name].findings:
        assert finding.severity.value in words
    assert name != "crash" or "≠ clash" in words


PALETTES = re.findall(r":root \{(.*?)\}", (Path(page.__file__).parent / "templates/report.css").read_text(), re.DOTALL)
PAIRS = [
    *[(ink, paper) for ink in ("text", "quiet", "link") for paper in ("page", "card", "code")],
    *[(ink, f"{ink}-back") for ink in ("error", "warning", "note", "good")],
    ("error", "card"),
    ("failing", "card"),
    ("reference", "card"),
]


@pytest.mark.parametrize("palette", PALETTES, ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "paper"), PAIRS)
def test_contrast_is_enough_to_read(palette: str, ink: str, paper: str) -> None:
    colours = dict(re.findall(r"--([\w-]+): #([0-9a-f]+)", palette))
    lighter, darker = sorted((luminance(colours[ink]), luminance(colours[paper])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    colour = "".join(digit * 2 for digit in colour) if len(colour) == 3 else colour
    channels = [int(colour[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Use `x[:, 0]` here.", "Use <code>x[:, 0]</code> here."),
        ("`a < b` & more", "<code>a &lt; b</code> &amp; more"),
        ("one ` alone <b>", "one ` alone &lt;b&gt;"),
        ("plain", "plain"),
    ],
)
def test_what_stands_between_backticks_is_code(text: str, made: str) -> None:
    assert str(page._prose(text)) == made

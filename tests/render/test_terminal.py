"""The panel on the terminal, from literal reports at a fixed width and without colour."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from rich.cells import cell_len

from shapeguard.render.terminal import render
from shapeguard.render.words import mismatch_text
from shapeguard.values.findings import Location, Mismatch, OperandView, Report
from tests.render import samples

# The whole panel as a person reads it: the code first, then where to change what, why, and the rest folded.
CRASH_PANEL = """\
 ─ shapeguard ─────────────────────────────────────────────────────────────────
  SG301 cache-batch-mismatch · error
  The KV cache holds 4 rows, the new keys have 3: line 72 drops the finished
  row from input_ids and leaves it in past_key_values. Every layer of the
  cache must have as many rows as the input.

  where to change  examples/batched_generation.py:72 in generate_batch
    input_ids = next_tokens[unfinished].unsqueeze(-1)
  failed at  examples/batched_generation.py:59 in generate_batch
    outputs = model(input_ids=input_ids, past_key_values=past_key_values,
    use_cache=True)

  operands
                             batch  kv_heads  past/new  head_dim
    tensors[0] · self.keys     >4<         2        24        16
        float32 cpu · made at batched_generation.py:59
    tensors[1] · key_states    >3<         2         1        16
        float32 cpu · made at batched_generation.py:72
    clash in batch (dimension 0): 4 against 3

  where the size is from, oldest first
    batched_generation.py:116  tokenizer         (4, 18)
    batched_generation.py:61   argmax            (4, 1, 512) → (4,)
    batched_generation.py:72   getitem           (4,) → (3,)
    batched_generation.py:72   unsqueeze         (3,) → (3, 1)
    batched_generation.py:59   LlamaForCausalLM  (3, 1) → (3, 2, 1, 16)

  fix  Drop the same rows from the cache: call
  past_key_values.batch_select_indices with the rows that go on.
    after examples/batched_generation.py:72
    + past_key_values.batch_select_indices(unfinished.nonzero().squeeze(-1))

  also found
    SG101 right-padded-decoder (warning)  batched_generation.py:116
    SG103 no-attention-mask (error)  batched_generation.py:59
    SG102 no-pad-token (note)  batched_generation.py:31

  beside the reference run
    step 0: mask none here, (4, 18) there
    step 3: input_ids (4, 1) here, (3, 1) there
    step 3: cache_rows 4 here, 3 there
 ──────────────────────────────────────────────────────────────────────────────
shapeguard: recorded without level all
"""


def test_the_panel_of_a_crash_reads_from_the_answer_to_the_fix() -> None:
    assert render(samples.CRASH) == CRASH_PANEL


def test_a_good_run_is_one_line() -> None:
    assert render(samples.EMPTY) == "shapeguard: ended, no findings\n"


def test_a_crash_that_no_shapes_are_in_is_one_line() -> None:
    text = render(msgspec.structs.replace(samples.UNKNOWN, operands=()))
    said = "shapeguard: crashed with RuntimeError at train.py:41, where no shapes are in play; no findings"
    assert text.split() == said.split()


def test_a_crash_without_a_finding_shows_the_expression_and_its_operands() -> None:
    text = render(samples.UNKNOWN)
    assert "RuntimeError · no known root cause" in text
    assert "train.py:41 in forward" in text
    assert "return self.head(torch.relu(self.body(images)))" in text
    assert "weight · self.head.weight" in text
    assert "784" in text
    assert "made at train.py:17" in text


@pytest.mark.parametrize("name", samples.ALL)
@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_asked(name: str, width: int) -> None:
    for line in render(samples.ALL[name], width=width).splitlines():
        assert cell_len(line) <= width, line


@pytest.mark.parametrize("name", samples.ALL)
def test_lines_carry_no_trailing_spaces(name: str) -> None:
    assert all(line == line.rstrip() for line in render(samples.ALL[name]).splitlines())


def test_the_surroundings_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {"COLUMNS": "30", "FORCE_COLOR": "1", "TERM": "dumb", "JUPYTER_COLUMNS": "9"}.items():
        monkeypatch.setenv(variable, value)
    assert render(samples.CRASH) == CRASH_PANEL


def test_colour_adds_only_colour() -> None:
    coloured = render(samples.CRASH, color=True)
    assert "\x1b[" in coloured
    plain = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in plain.splitlines()] == CRASH_PANEL.splitlines()


def test_control_characters_of_the_users_source_do_not_reach_the_terminal() -> None:
    text = render(samples.HOSTILE)
    assert "\\x1b[31m" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_operands_of_different_rank_have_their_shape_inline() -> None:
    finding = msgspec.structs.replace(
        samples.ROWS_DROPPED,
        operands=(OperandView("a", "a", (3, 7), ("batch", "seq")), OperandView("b", "b", (3, 1, 7))),
        mismatch=Mismatch("rank", (2, 3)),
    )
    text = render(Report("crashed", findings=(finding,)))
    assert "a  (batch 3, seq 7)" in text
    assert "b  (3, 1, 7)" in text
    assert "clash in number of dimensions: 2 against 3" in text


def test_many_findings_and_operands_are_counted_not_shown() -> None:
    finding = msgspec.structs.replace(samples.ROWS_DROPPED, operands=samples.ROWS_DROPPED.operands * 10)
    lines = [msgspec.structs.replace(finding, location=Location("train.py", line)) for line in range(30)]
    text = render(Report("completed", findings=tuple(lines)))
    assert "… and 12 more in report.json" in text
    assert "… and 21 more in report.json" in text
    assert len(text.splitlines()) < 80


def test_a_clash_of_two_dimensions_names_both_with_their_operands() -> None:
    finding = msgspec.structs.replace(
        samples.ROWS_DROPPED,
        operands=(
            OperandView("input", "x", (3, 7), clashing=1),
            OperandView("mat2", "", (5, 2), clashing=0),
        ),
        mismatch=Mismatch("dim", (7, 5), 1),
    )
    text = " ".join(render(Report("crashed", findings=(finding,))).split())
    assert "clash in dimension 1 of x and dimension 0 of mat2: 7 against 5" in text


def test_the_same_finding_at_the_same_line_is_counted() -> None:
    other = msgspec.structs.replace(samples.ROWS_DROPPED, message="another row of the same line")
    text = render(Report("crashed", findings=(samples.ROWS_DROPPED, samples.ROWS_DROPPED, other)))
    assert text.count(f"{samples.ROWS_DROPPED.name} (") == 1
    assert ", 2 times" in text


def test_files_below_the_working_directory_are_written_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    finding = msgspec.structs.replace(
        samples.ROWS_DROPPED,
        location=Location(str(tmp_path / "job" / "train.py"), 7),
        failed_at=Location("/opt/lib.py", 8),
    )
    text = render(Report("crashed", findings=(finding,)))
    assert "where to change  job/train.py:7\n" in text
    assert "failed at  /opt/lib.py:8\n" in text


def test_an_index_past_the_end_is_told_in_places() -> None:
    assert mismatch_text(Mismatch("index", (9, 8), 0)) == "dimension 0: 9 asked for, there are 8"
    assert mismatch_text(Mismatch("index", (2, 1))) == "size: 2 asked for, there is 1"
    assert mismatch_text(Mismatch("index", (-1, 8), 0)) == "index and size of dimension 0: -1 against 8"

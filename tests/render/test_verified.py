"""A verification in every format, from a literal."""

from __future__ import annotations

import pytest

from shapeguard.render import FORMATS
from shapeguard.render.terminal import render
from shapeguard.values.findings import Finding, Fix, Report, RunInfo, Severity
from shapeguard.values.verification import Repair, Verification, VerifiedRow

FAILING = Verification(
    what="LlamaForCausalLM.generate",
    passed=False,
    rows=(
        VerifiedRow(0, False, (28.15, 7.4, 11.0), 1.78e-4, (28.15, 7.4, 11.0), 3.3e-13, 4, 5, 2, "\n", " Quantum|"),
        VerifiedRow(1, False, (None, 3.1, 2.0), 1.8e-4, (22.0, 3.1, 2.0), 3.4e-13, 2, 7, remark="alone it gives NaN"),
        VerifiedRow(2, True, (3.4e-5, 2.4e-5, 0.0), 1.79e-4, (2.5e-14, 3.9e-14, 0.0), 3.3e-13, 9, 0),
    ),
    steps=3,
    dtype="float32",
    repeated_in="float64",
    padding="right",
    mask="given",
    attention="sdpa",
    tolerance="8 · √30 · eps(float32) · greatest |logit| of the row",
    tried=(
        Repair("padding on the left", "SG101", True, 6.7e-14),
        Repair("positions given", "SG403", False, None, "could not be tried: TypeError: no such argument"),
    ),
    cause="the batch is padded on the right",
)
FOUND = Finding("SG101", "right-padded-decoder", Severity.ERROR, "Rows 0, 1 differ.", fix=Fix("Pad on the left."))
FAILED = Report("completed", findings=(FOUND,), run=RunInfo(("verify", "x"), "verify"), verification=FAILING)
PASSED = Report(
    "completed", verification=Verification("double", True, (VerifiedRow(0, True, (0.0,), 1e-6),) * 2, dtype="float32")
)

PANEL = """\
 ─ shapeguard ─────────────────────────────────────────────────────────────────
  SG101 right-padded-decoder · error
  Rows 0, 1 differ.

  fix  Pad on the left.

  FAIL: 2 of 3 rows of LlamaForCausalLM.generate are not in the batch what
  they are alone
    row  tokens  pads  prefill   decode  tolerance  in float64  verdict
      0       4     5       28       11    0.00018          28     FAIL
         first other token: at step 2 '\\n' alone, ' Quantum|' in the batch
      1       2     7     none      3.1    0.00018          22     FAIL
         alone it gives NaN
      2       9     0  3.4e-05  2.4e-05    0.00018     3.9e-14     PASS
  3 steps, float32, sdpa attention, padding right, mask given
  tolerance: 8 · √30 · eps(float32) · greatest |logit| of the row
  in float64, where rounding explains 3.4e-13 at most: what differs there
  leaks
  tried padding on the left (SG101): mends all rows (6.7e-14 left)
  tried positions given (SG403): could not be tried: TypeError: no such
  argument
  cause: the batch is padded on the right
 ──────────────────────────────────────────────────────────────────────────────
"""


def test_the_panel_of_a_failure() -> None:
    assert render(FAILED) == PANEL


def test_the_panel_of_a_success_has_its_table() -> None:
    text = render(PASSED)
    assert "PASS: 2 rows of double are in the batch what they are alone" in text
    assert "row  difference  tolerance  verdict" in text
    assert text.count("PASS") == 3
    assert "no findings" not in text


@pytest.mark.parametrize("format", ["markdown", "html"])
def test_the_other_formats_have_the_rows(format: str) -> None:
    text = FORMATS[format](FAILED)
    assert text.count("FAIL") >= 3
    assert "3.9e-14" in text
    assert "SG101" in text
    assert "2 of 3 rows of LlamaForCausalLM.generate" in FORMATS[format](FAILED)
    assert "PASS: 2 rows of double" in FORMATS[format](PASSED)


def test_failing_rows_come_first_where_there_are_many() -> None:
    rows = tuple(VerifiedRow(n, n != 150, (0.0,), 1.0) for n in range(200))
    text = render(Report("completed", verification=Verification("f", False, rows)))
    assert " 150 " in text
    assert "… and 160 more in report.json" in text


def test_a_batch_that_could_not_be_made() -> None:
    nothing = Verification("x.generate", False, cause="the tokenizer has no pad token")
    text = render(Report("crashed", verification=nothing, findings=(FOUND,)))
    assert "FAIL: x.generate: the tokenizer has no pad token" in text

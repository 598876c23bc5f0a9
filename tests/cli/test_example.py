"""The failing example as an ordinary script: the same with and without, and the line that drops the rows is named."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import ROOT, python, shapeguard

SCRIPT = ROOT / "examples" / "batched_generation.py"


def test_the_failing_example(tmp_path: Path) -> None:
    plain = python(tmp_path, str(SCRIPT))
    ran = shapeguard(tmp_path, "run", str(SCRIPT))
    assert (ran.status, ran.out) == (plain.status, plain.out)
    assert ran.status == 1
    assert "Sizes of tensors must match except in dimension 2" in plain.err
    report = json.loads((tmp_path / "shapeguard-report" / "report.json").read_text("utf-8"))
    first = report["findings"][0]
    assert (first["code"], first["severity"]) == ("SG301", "error")
    assert Path(first["location"]["file"]) == SCRIPT
    line = SCRIPT.read_text("utf-8").splitlines()[first["location"]["line"] - 1]
    assert line.strip() == first["location"]["source"].strip()
    assert "next_tokens[unfinished]" in first["location"]["source"]

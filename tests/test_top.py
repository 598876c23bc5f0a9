"""The package's own names: what is missing is said in one line."""

from __future__ import annotations

import subprocess
import sys

import pytest

import shapeguard
import shapeguard.reference
from shapeguard.values.findings import ExceptionInfo, Finding, Fix, Location, Report, Severity


@pytest.mark.parametrize(
    ("call", "missing"),
    [("safe_cat([])", "torch"), ("verify(len, [1])", "torch"), ("audit(prompts=[])", "transformers")],
)
def test_a_missing_library_is_named(call: str, missing: str) -> None:
    program = f"""
import sys
sys.modules[{missing!r}] = None
import shapeguard
try:
    shapeguard.{call}
except shapeguard.ShapeguardError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.endswith(f"needs {missing}: pip install {missing}\n")
    assert len(ran.stdout.splitlines()) == 1


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = shapeguard.nothing


def test_lazy_names_are_listed() -> None:
    assert {"audit", "safe_cat", "verify"} <= set(dir(shapeguard))
    assert {"decode_loop", "encode", "safe_cat"} <= set(dir(shapeguard.reference))


def test_a_report_is_printed_as_the_answer() -> None:
    finding = Finding(
        "SG501", "matmul-inner-mismatch", Severity.ERROR, "7 against 8.", Location("a.py", 3), fix=Fix("Make both 8.")
    )
    report = Report("crashed", ExceptionInfo("RuntimeError", "no\nfit"), findings=(finding,))
    assert str(report).splitlines() == [
        "crashed, 1 finding",
        "RuntimeError: no",
        "SG501 matmul-inner-mismatch (error)  at a.py:3",
        "  7 against 8.",
        "  fix: Make both 8.",
    ]


def test_a_location_is_printed_as_editors_open_it() -> None:
    assert str(Location("train.py", 7, "step", "x = y")) == "train.py:7"

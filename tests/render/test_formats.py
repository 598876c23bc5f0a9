"""Every format renders every sample, and none loads what it does not need."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from shapeguard.render import FORMATS
from shapeguard.values.findings import Report
from shapeguard.values.store import parse_report
from tests.render import samples


@pytest.mark.parametrize("name", samples.ALL)
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_renders_every_sample(form: str, name: str) -> None:
    text = FORMATS[form](samples.ALL[name])
    assert text.strip()
    assert "\x1b" not in text
    if samples.ALL[name].findings:
        assert samples.ALL[name].findings[0].code in text


@pytest.mark.parametrize("form", FORMATS)
def test_a_long_run_stays_small_enough_to_open(form: str) -> None:
    report = samples.long_report()
    limit = {"json": 10_000_000, "trace": 10_000_000, "html": 1_000_000}.get(form, 20_000)
    assert len(FORMATS[form](report)) < limit


def test_json_is_the_report_itself() -> None:
    assert parse_report(FORMATS["json"](samples.CRASH).encode()) == samples.CRASH


@pytest.mark.parametrize("report", samples.ALL.values(), ids=samples.ALL.keys())
@pytest.mark.parametrize("form", FORMATS)
def test_renderers_leave_the_report_alone(form: str, report: Report) -> None:
    before = msgspec.json.encode(report)
    assert FORMATS[form](report) == FORMATS[form](report)
    assert msgspec.json.encode(report) == before


@pytest.mark.parametrize(
    ("form", "absent"),
    [
        ("json", ("rich", "jinja2", "torch")),
        ("trace", ("rich", "jinja2", "torch")),
        ("markdown", ("rich", "jinja2", "torch")),
        ("terminal", ("jinja2", "torch")),
        ("html", ("rich", "torch")),
    ],
)
def test_a_format_loads_only_its_own_libraries(form: str, absent: tuple[str, ...]) -> None:
    program = (
        "import sys; from shapeguard.render import FORMATS; from shapeguard.values.findings import Report\n"
        f"FORMATS[{form!r}](Report('completed'))\n"
        f"print([name for name in {absent!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""Times of the command line and of the way from a crash to the panel, each in a fresh interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

_IMPORT = "import time; t = time.perf_counter(); import shapeguard; print(time.perf_counter() - t)"
_CRASH = """
import time
import torch, shapeguard
from shapeguard.analysis import report as analysis
from shapeguard.render import FORMATS
# {places} lines, each with its own op: {events} events before the crash
source = "\\n".join(f"    x{{i}} = torch.ones({{2 + i % 7}}, 3) * 2" for i in range({places}))
space = {{"torch": torch}}
exec(compile("def work():\\n" + source, "work.py", "exec"), space)
with open("work.py", "w") as file:
    file.write("def work():\\n" + source + "\\n")
torch.set_num_threads(1)
try:
    with shapeguard.guard() as guard:
        for _ in range({events} // (2 * {places})):
            space["work"]()
        torch.cat([torch.ones(2, 3), torch.ones(4, 5)])
except RuntimeError:
    raised = time.perf_counter()
report = guard.report
analysed = time.perf_counter()
FORMATS["terminal"](report)
shown = time.perf_counter()
FORMATS["html"](report)
print(analysed - raised, shown - analysed, time.perf_counter() - shown, report.run.events, report.run.rows)
"""


def import_seconds() -> float:
    """Median of ``import shapeguard``, the interpreter's own start left out."""
    runs = [
        subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True) for _ in range(9)
    ]
    return statistics.median(float(run.stdout) for run in runs)


def command_seconds(*arguments: str) -> float:
    """Median wall time of a ``shapeguard`` command, the interpreter's start included."""
    times = []
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "shapeguard", *arguments], capture_output=True, check=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def crash_seconds(events: int, places: int) -> tuple[float, float, float, int, int]:
    """After a crash: seconds to the report, from there to the panel, to the HTML page; the events and rows it had."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "crash.py")
        script.write_text(textwrap.dedent(_CRASH.format(events=events, places=places)))
        run = subprocess.run([sys.executable, str(script)], cwd=folder, capture_output=True, text=True, check=True)
    analysed, shown, page, count, rows = run.stdout.split()
    return float(analysed), float(shown), float(page), int(count), int(rows)

"""``--no-source``: what is left of a failure."""

from __future__ import annotations

import traceback

from shapeguard.capture.privacy import without_code_lines, without_source
from shapeguard.values.findings import ExceptionInfo
from shapeguard.values.recording import Failure, FrameInfo, NamedValue

WORKER = """Caught ValueError in DataLoader worker process 0.
Original Traceback (most recent call last):
  File "/a folder/worker.py", line 12, in fetch
    data = secret(index)
           ^^^^^^^^^^^^^
  File "script.py", line 7, in __getitem__
    return cells[index]
ValueError: rows of (3, 4)
"""


def test_a_workers_traceback_keeps_its_places_and_its_message() -> None:
    assert without_code_lines(WORKER) == (
        "Caught ValueError in DataLoader worker process 0.\n"
        "Original Traceback (most recent call last):\n"
        '  File "/a folder/worker.py", line 12, in fetch\n'
        '  File "script.py", line 7, in __getitem__\n'
        "ValueError: rows of (3, 4)\n"
    )


def test_a_real_traceback_keeps_no_line_of_code() -> None:
    try:
        without_code_lines(None)  # type: ignore[arg-type]
    except TypeError:
        text = without_code_lines(traceback.format_exc())
    assert "without_code_lines(None)" not in text
    assert "test_privacy.py" in text
    assert text.splitlines()[-1].startswith("TypeError")


def test_an_ordinary_message_stays() -> None:
    message = 'sizes differ:\n    4 and 5\n  File "x" is none'
    assert without_code_lines(message) == message


def test_names_and_shapes_stay_and_expressions_go() -> None:
    operands = (
        NamedValue("self.rows", label="input", shape=(3, 4)),
        NamedValue("rows[: limit]", label="other", shape=(2, 4)),
        NamedValue("größe", value=4),
    )
    frame = FrameInfo("script.py", 7, "join", True, source="a = b + c", expression="b + c", op="add", operands=operands)
    told = without_source(Failure(ExceptionInfo("ValueError", "message"), (frame,), remote=WORKER))
    assert [(value.expression, value.shape) for value in told.frames[0].operands] == [
        ("self.rows", (3, 4)),
        ("other", (2, 4)),
        ("größe", None),
    ]
    assert (told.frames[0].source, told.frames[0].expression, told.frames[0].op) == ("", "", "add")
    assert (told.frames[0].file, told.frames[0].line) == ("script.py", 7)
    assert "secret" not in told.remote

"""``--no-source``: a failure without the user's text. Names, shapes and places stay, so that it can still be explained."""

from __future__ import annotations

import re

import msgspec

from shapeguard.values.findings import ExceptionInfo
from shapeguard.values.recording import Failure, FrameInfo, NamedValue

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
# A frame of a traceback as text: its place, then lines of code and of marks, until the next frame or the message.
_CODE_LINES = re.compile(r'(^ *File ".*", line \d+.*\n)((?: {4,}.*\n)+)', re.MULTILINE)


def without_source(failure: Failure) -> Failure:
    """The failure with no more of the program's text than dotted names."""
    return msgspec.structs.replace(
        failure,
        exception=_without_code(failure.exception),
        causes=tuple(map(_without_code, failure.causes)),
        frames=tuple(map(_frame, failure.frames)),
        remote=without_code_lines(failure.remote),
    )


def without_code_lines(text: str) -> str:
    """A traceback's text (a worker's, in the message of what it raised) with places and message alone."""
    return _CODE_LINES.sub(r"\1", text)


def _without_code(exception: ExceptionInfo) -> ExceptionInfo:
    return ExceptionInfo(exception.type, without_code_lines(exception.message))


def _frame(frame: FrameInfo) -> FrameInfo:
    return msgspec.structs.replace(
        frame,
        source="",
        expression=_named(frame.expression),
        operands=tuple(map(_value, frame.operands)),
        locals=tuple(map(_value, frame.locals)),
    )


def _value(value: NamedValue) -> NamedValue:
    return msgspec.structs.replace(value, expression=_named(value.expression) or value.label)


def _named(expression: str) -> str:
    return expression if _NAME.fullmatch(expression) else ""

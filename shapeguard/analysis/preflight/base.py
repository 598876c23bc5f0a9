"""What a check is: a function from the facts of a pipeline to what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from shapeguard.values.findings import Mismatch, OperandView, Severity
from shapeguard.values.pipeline import Pipeline

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE
_DEFAULT_NEW_TOKENS = 20  # of generate, where nothing limits it


class Problem(NamedTuple):
    """Something wrong, under a rule's code; ``fields`` are the settings to change, most likely first."""

    code: str
    severity: Severity
    message: str
    fix: str
    fields: tuple[str, ...] = ()
    mismatch: Mismatch | None = None
    operands: tuple[OperandView, ...] = ()


Check = Callable[[Pipeline], Iterator[Problem]]


def decodes(pipeline: Pipeline) -> bool:
    """Whether the model continues its input: decoder-only."""
    return pipeline.model.kind == "decoder"


def rows_text(count: int, total: int) -> str:
    """``1 row of 3``, ``2 rows of 3``."""
    return f"{count} row{'' if count == 1 else 's'} of {total}"


def new_tokens(pipeline: Pipeline, prompt: int) -> int:
    """How many tokens a prompt of this length would be continued by at most."""
    settings = pipeline.settings
    if settings.max_new_tokens is not None:
        return settings.max_new_tokens
    if settings.max_length is not None:
        return max(0, settings.max_length - prompt)
    return _DEFAULT_NEW_TOKENS


def prompt_lengths(pipeline: Pipeline) -> tuple[int, ...]:
    """Lengths of the prompts themselves: before padding and before anything was cut."""
    batch = pipeline.batch
    return () if batch is None else batch.asked or batch.lengths


def columns(pipeline: Pipeline) -> int:
    """How many columns the prompts take; padding counts, as every row is as wide as the longest."""
    return max(prompt_lengths(pipeline), default=0) if pipeline.batch is None else max(pipeline.batch.width, 0)

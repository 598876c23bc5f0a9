"""Prompts: which tokenizer calls ended up in a generation of a decoder-only model."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.batch import inputs_of, tokenizer_of
from shapeguard.analysis.generation import generations
from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row


def prompts(run: Run) -> Iterator[tuple[Row, Row]]:
    """Tokenizer calls with the generation they were fed to, each tokenizer call once."""
    seen: set[int] = set()
    for row in generations(run):
        source = tokenizer_of(run, inputs_of(row))
        if source is not None and source.id not in seen and row.args.get("encoder-decoder") is not True:
            seen.add(source.id)
            yield source, row

"""Token ids against the rows of the embedding: those of the batch, the pad token, special and added tokens, the config's."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.preflight.base import ERROR, WARNING, Problem, prompt_lengths
from shapeguard.values.findings import Mismatch, Severity
from shapeguard.values.pipeline import Pipeline

_RESIZE = (
    "`model.resize_token_embeddings(len(tokenizer))` gives the model rows for them; or use the model's own tokenizer."
)


def rows_of(pipeline: Pipeline) -> int | None:
    """Rows of the input embedding, else what the config says."""
    return pipeline.model.rows or pipeline.model.vocabulary


def batch_ids(pipeline: Pipeline) -> Iterator[Problem]:
    """An id of the batch that has no row."""
    batch, rows = pipeline.batch, rows_of(pipeline)
    if batch is None or rows is None or pipeline.model.replaces_ids:
        return
    if batch.largest is not None and batch.largest >= rows:
        yield _beyond(ERROR, f"The batch holds token id {batch.largest}", batch.largest, rows)
    if batch.smallest is not None and batch.smallest < 0:
        yield Problem(
            "SG104",
            ERROR,
            f"The batch holds token id {batch.smallest}; negative ids (such as the -100 of ignored labels) have no row.",
            "Replace the ignored positions by a real token (the pad token) before they are fed as inputs.",
            mismatch=Mismatch("index", (batch.smallest, rows), 0),
        )


def pad_row(pipeline: Pipeline) -> Iterator[Problem]:
    """A pad token that was added and has no row: it fails as soon as a row is padded."""
    tokenizer, rows = pipeline.tokenizer, rows_of(pipeline)
    if tokenizer is None or rows is None or tokenizer.pad_id is None or tokenizer.pad_id < rows:
        return
    batch = pipeline.batch
    if batch is not None and batch.largest is not None and batch.largest >= tokenizer.pad_id:
        return  # batch_ids has said it
    severity = ERROR if len(set(prompt_lengths(pipeline))) > 1 or batch is None else WARNING
    yield _beyond(
        severity, f"The pad token {tokenizer.pad!r} has id {tokenizer.pad_id}", tokenizer.pad_id, rows, ("pad_token",)
    )


def special_rows(pipeline: Pipeline) -> Iterator[Problem]:
    """Other special tokens without a row."""
    tokenizer, rows = pipeline.tokenizer, rows_of(pipeline)
    if tokenizer is None or rows is None:
        return
    for name, token in tokenizer.special.items():
        if token >= rows and name != "pad_token":
            yield _beyond(WARNING, f"The tokenizer's {name} has id {token}", token, rows, (name,))


def added_rows(pipeline: Pipeline) -> Iterator[Problem]:
    """A tokenizer with more entries than the model has rows."""
    tokenizer, rows = pipeline.tokenizer, rows_of(pipeline)
    if tokenizer is None or rows is None or tokenizer.largest is None or tokenizer.largest < rows:
        return
    told = (tokenizer.pad_id, *tokenizer.special.values())
    if any(token is not None and token >= rows for token in told):
        return  # one of them has been named
    yield _beyond(WARNING, f"{tokenizer.name} gives ids up to {tokenizer.largest}", tokenizer.largest, rows)


def configured_ids(pipeline: Pipeline) -> Iterator[Problem]:
    """Ids in the generation config that have no row: they are fed back into the model."""
    settings, rows = pipeline.settings, rows_of(pipeline)
    if rows is None:
        return
    named = {
        "pad_token_id": settings.pad_token_id,
        "bos_token_id": settings.bos_token_id,
        "decoder_start_token_id": settings.decoder_start_token_id,
    }
    for name, token in named.items():
        if token is not None and token >= rows:
            severity = WARNING if name == "bos_token_id" else ERROR
            yield _beyond(severity, f"The generation config's `{name}` is {token}", token, rows, (name,))
        elif token is not None and token < 0:
            yield Problem(
                "SG104",
                WARNING,
                f"The generation config's `{name}` is {token}: rows that end early are filled with it, and it has no row.",
                f"Set `{name}` to a token of the model.",
                (name,),
            )


def _beyond(severity: Severity, what: str, token: int, rows: int, fields: tuple[str, ...] = ()) -> Problem:
    return Problem(
        "SG104",
        severity,
        f"{what}, and the embedding has {rows} rows: the last id it can look up is {rows - 1}.",
        _RESIZE,
        (*fields, "vocab_size"),
        mismatch=Mismatch("index", (token, rows), 0),
    )

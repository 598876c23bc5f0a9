"""The same checks on what a call of ``generate`` was really given, as the guard noted it at its door."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from shapeguard.analysis.models import config_of
from shapeguard.analysis.preflight import examine
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import setting_written
from shapeguard.values.findings import Finding, Location, Severity
from shapeguard.values.pipeline import BatchFacts, CacheFacts, ModelFacts, Pipeline, Settings, read
from shapeguard.values.recording import Row


def at_the_door(run: Run, said: Collection[str] = ()) -> Iterator[Finding]:
    """What the checks find in every generation, each code once a place; codes in ``said`` have been told better by a rule."""
    for row in run.of_kind("generate"):
        pipeline = pipeline_of(row)
        if pipeline is None:
            continue

        def locate(fields: tuple[str, ...], row: Row = row) -> Location | None:
            told = setting_written(run, row, fields) if fields else None
            if (
                told is None and "attn_implementation" in fields
            ):  # chosen, or left to its default, where the model is made
                built = run.row(row.owner)
                made = config_of(run, built) or built
                told = run.location(made) if made is not None else None
            return told or run.location(row)

        for finding in examine(pipeline, locate):
            if finding.severity != Severity.NOTE and finding.code not in said:
                yield finding


def pipeline_of(row: Row) -> Pipeline | None:
    """The facts that stand in a row of ``generate``; None in one that was recorded without them."""
    if "model.name" not in row.args:
        return None
    cache = read(row.args, "cache", CacheFacts) if any(name.startswith("cache.") for name in row.args) else None
    batch = read(row.args, "batch", BatchFacts) if "batch.rows" in row.args else None
    return Pipeline(read(row.args, "model", ModelFacts), read(row.args, "", Settings), None, batch, cache)

"""What a run knows of a transformers model: its config, and how many positions that allows."""

from __future__ import annotations

from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row

_LIMITS = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "max_sequence_length",
    "max_target_positions",
    "n_ctx",
)


def config_of(run: Run, model: Row | None) -> Row | None:
    """The row in which the config of a model was made: the latest before it of the model's family."""
    if model is None:
        return None
    configs = [row for row in run.of_kind("construct") if row.op.endswith("Config") and row.id < model.id]
    family = [row for row in configs if model.op.startswith(row.op.removesuffix("Config"))]
    found = family or configs
    return found[-1] if found else None


def built_model(run: Run, call: Row | None) -> Row | None:
    """The row in which the model was built that a forward or generate row called."""
    return run.row(call.owner) if call is not None else None


class Limit:
    """How many positions a config allows, and under which name it says so."""

    __slots__ = ("config", "name", "positions")

    def __init__(self, config: Row, name: str, positions: int) -> None:
        self.config = config
        self.name = name
        self.positions = positions


def limit_of(run: Run, call: Row | None) -> Limit | None:
    """The number of positions that the model of a call was built for."""
    config = config_of(run, built_model(run, call))
    return limit_in(config) if config is not None else None


def limit_in(config: Row) -> Limit | None:
    """The number of positions that a config allows."""
    for name in _LIMITS:
        value = config.args.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return Limit(config, name, value)
    return None

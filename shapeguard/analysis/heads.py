"""Numbers of heads: in configs, and where user code reads them; and where transformers enters user code."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from shapeguard.analysis.climb import Spot
from shapeguard.analysis.lineage import Hop
from shapeguard.analysis.run import Run
from shapeguard.analysis.sizing import located, size_trails
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Location
from shapeguard.values.recording import FrameInfo, Row

_WRITTEN = frozenset({"constant", "entry", "default", "argument", "option", "assign", "attribute", "return", "call"})
_HEADS = ("num_attention_heads", "n_head", "num_heads", "n_heads", "encoder_attention_heads", "decoder_attention_heads")
_KV_HEADS = ("num_key_value_heads", "num_kv_heads", "n_head_kv")


def configs(run: Run) -> list[Row]:
    """Rows in which model configs were made."""
    return [row for row in run.of_kind("construct") if row.op.endswith("Config")]


def query_heads(config: Row) -> int | None:
    """Query heads of a config."""
    return _number(config, _HEADS)


def kv_heads(config: Row) -> int | None:
    """Key/value heads of a config; the query heads where it names none."""
    return _number(config, _KV_HEADS) or query_heads(config)


def _number(row: Row, names: Iterable[str]) -> int | None:
    return next((value for name in names if isinstance(value := row.args.get(name), int)), None)


def read_at(run: Run, hop: Hop) -> Location | None:
    """Where the number that a tensor was made with is read from a config, else where it is written."""
    ways = size_trails(run, hop)
    if not ways:
        return None
    names = {name for row in configs(run) for name in row.args}
    read = next((spot for way in ways for spot in reversed(way) if _reads(spot, names)), None)
    last = next((spot for spot in reversed(ways[0]) if spot.kind in _WRITTEN), None)
    return located(run, read or last)


def _reads(spot: Spot, names: set[str]) -> bool:
    """Whether the expression of a spot is a number read from a config: ``config.hidden_size // config.num_heads``."""
    node = parsed_text(spot.node_text)
    if node is None:
        return False
    if spot.kind == "entry" or isinstance(node, ast.Tuple | ast.List | ast.Dict | ast.Call):
        return False
    return any(isinstance(part, ast.Attribute) and part.attr in names for part in ast.walk(node))


def entry_frame(run: Run) -> FrameInfo | None:
    """The frame in which transformers entered the user's code last: the kernel or override in which it then failed.

    None where the failure did not come up through transformers into the user's code.
    """
    frames = list(run.frames)
    while frames and not frames[-1].user:
        frames.pop()
    block: list[FrameInfo] = []
    while frames and frames[-1].user:
        block.append(frames.pop())
    return block[-1] if block and frames and "/transformers/" in frames[-1].file.replace("\\", "/") else None

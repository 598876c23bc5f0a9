"""``safe_cat`` and ``safe_stack``: one row for each call, and where their operands were made.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from shapeguard.capture.chains import chains
from shapeguard.capture.export import position
from shapeguard.capture.state import recorders
from shapeguard.capture.trouble import own_trouble
from shapeguard.capture.wrappers.door import idle, is_compiling, watched


def wrap_joined(original: Callable[..., Any]) -> Callable[..., Any]:
    """``joined(op, tensors, dim, how)``: a concatenation under the name of torch's function; a refusal is its failure."""

    @functools.wraps(original)
    def joined(op: str, tensors: Any, dim: Any, how: Any) -> Any:
        if is_compiling() or idle():
            return original(op, tensors, dim, how)
        return watched(
            original,
            (op, tensors, dim, how),
            {},
            sys._getframe(1),
            "concat",
            op,
            lambda: {"tensors": tensors, "dim": dim, "on_mismatch": how.on_mismatch},
        )

    return joined


def wrap_born(original: Callable[..., str]) -> Callable[..., str]:
    """``born(tensor)``: the user's line of the row that made it."""

    @functools.wraps(original)
    def born(tensor: Any) -> str:
        if is_compiling():
            return original(tensor)
        try:
            return _birthplace(tensor) or original(tensor)
        except BaseException as trouble:
            own_trouble(trouble)
            return original(tensor)

    return born


def _birthplace(tensor: Any) -> str:
    for recorder in recorders():
        row = recorder.origin(tensor)
        places = chains[recorder.segments[row].key[3]] if row is not None else ()
        if places:
            code, offset = places[0]
            return f"{code.co_filename}:{position(code, offset)[0]}"
    return ""

"""How a spawned child begins to be guarded: by what it unpickles first.

Nothing of ours needs to be on the child's path yet, and whatever goes wrong there is no trouble of the program's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_FOLDER = str(Path(__file__).resolve().parent.parent.parent)

# Runs in the child. The path is there for the import alone: the child gets its real one afterwards.
_BEGIN = """
import sys
sys.path.append(folder)
try:
    from shapeguard.capture.children_spawn import begin
    begin(options)
except BaseException:
    if isinstance(sys.exc_info()[1], KeyboardInterrupt):
        raise
finally:
    if folder in sys.path:
        sys.path.reverse()
        sys.path.remove(folder)
        sys.path.reverse()
"""


class Announcement:
    """An entry of a child's preparation data; to unpickle it starts the guard and leaves None."""

    def __init__(self, options: Sequence[tuple[str, str]]) -> None:
        self._options = list(options)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return exec, (_BEGIN, {"folder": _FOLDER, "options": self._options})


def begin(options: Sequence[tuple[str, str]]) -> None:
    """Guard this process, a child, for every capture of its parent that asked for it."""
    import msgspec

    from shapeguard.capture.capture import Capture
    from shapeguard.capture.children import Settings

    for folder, text in options:
        if not os.path.isdir(folder):
            continue
        settings = msgspec.json.decode(text, type=Settings)
        capture = Capture(
            settings.level,  # type: ignore[arg-type]
            watch=settings.groups,
            source=settings.source,
            user_code=settings.user_code,
            argv=settings.argv,
            whole_process=True,
        )
        capture.open(child_of=Path(folder))

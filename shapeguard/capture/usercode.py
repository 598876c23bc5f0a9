"""Which code is the user's own.

Not the standard library, not site-packages or dist-packages, not shapeguard; always the script, its folder, the ``-m``
package, notebook cells and ``<string>``; and what was named with ``--user-code``.
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from types import CodeType, FrameType

USER = 1  # watched
LIBRARY = 0  # not the user's; an op it issues on the user's behalf is set down to the user's line
OPAQUE = -1  # not the user's, and what it does inside is its own business (generation, optimizers)
MODEL = -2  # the same, and behind a door its concatenations are not set down either (layers, models)

OWN_PACKAGE = str(Path(__file__).resolve().parent.parent) + os.sep
# Programs to read and run: their frames mean something to the user. An installed copy holds the examples too.
OWN_PROGRAMS = tuple(OWN_PACKAGE + name + os.sep for name in ("reference", "examples"))

_THIRD_PARTY = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_STANDARD = tuple(
    {os.path.realpath(sysconfig.get_path(key)) + os.sep for key in ("stdlib", "platstdlib")}
    | {sysconfig.get_path(key) + os.sep for key in ("stdlib", "platstdlib")}
)


def _parts(*paths: str) -> tuple[str, ...]:
    return tuple(os.sep + path.replace("/", os.sep) for path in paths)


_MODEL_PARTS = _parts(
    "torch/nn/modules/", "transformers/models/", "transformers/integrations/", "transformers/cache_utils.py"
)
_OPAQUE_PARTS = _parts(
    "torch/nn/parallel/",
    "torch/optim/",
    "torch/_dynamo/",
    "torch/_inductor/",
    "torch/distributed/",
    "transformers/generation/",
    "transformers/modeling_utils.py",
    "transformers/trainer.py",
)
_FAKE_USER_FILES = ("<string>", "<stdin>", "<input>", "<unknown>")


class UserCode:
    """Decides, once for each code object, whose it is."""

    def __init__(self, always: Iterable[str] = ()) -> None:
        self._always = tuple(_folder(path) for path in always)
        # Keyed by id: hashing a code object reads all its constants. The code is kept alive, so ids stay unique.
        self.known: dict[int, int] = {}
        self._kept: list[CodeType] = []

    def always(self, path: str) -> None:
        """Count a file or folder as the user's own."""
        self._always += (_folder(path),)
        self.known.clear()

    def kind(self, code: CodeType) -> int:
        """USER, LIBRARY, OPAQUE or MODEL."""
        known = self.known.get(id(code))
        if known is None:
            self._kept.append(code)
            known = self.known[id(code)] = self.kind_of_file(code.co_filename)
        return known

    def is_user(self, frame: FrameType) -> bool:
        """Whether this frame runs the user's own code."""
        return self.kind(frame.f_code) == USER

    def kind_of_file(self, filename: str) -> int:
        """USER, LIBRARY, OPAQUE or MODEL for a file name as it stands in a code object."""
        if filename.startswith("<"):
            return USER if filename.startswith("<ipython-input") or filename in _FAKE_USER_FILES else LIBRARY
        path = os.path.abspath(filename)
        if any(path == own or (path.startswith(own) and not _is_installed(path[len(own) :])) for own in self._always):
            return USER
        if path.startswith(OWN_PACKAGE):
            return OPAQUE
        if _is_installed(path) or path.startswith(_STANDARD):
            if any(part in path for part in _MODEL_PARTS):
                return MODEL
            return OPAQUE if any(part in path for part in _OPAQUE_PARTS) else LIBRARY
        return USER


def _is_installed(path: str) -> bool:
    """Whether a path leads through a folder of installed packages; a project may keep its environment inside itself."""
    return any(part in os.sep + path for part in _THIRD_PARTY)


def _folder(path: str) -> str:
    path = os.path.abspath(path)
    return path + os.sep if os.path.isdir(path) else path


user_code = UserCode()  # one for the process: whose a file is does not depend on who asks

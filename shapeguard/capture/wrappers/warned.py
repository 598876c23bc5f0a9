"""Warnings of ``torch.nn.functional`` that name a stack level: our frames between them and the user do not count.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

import sys
import warnings as _warnings
from types import ModuleType
from typing import Any

from shapeguard.capture.usercode import OWN_PACKAGE


class _Warnings(ModuleType):
    """The warnings module as ``torch.nn.functional`` sees it."""

    def __init__(self, original: ModuleType) -> None:
        super().__init__(original.__name__, original.__doc__)
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def warn(self, message: Any, category: Any = None, stacklevel: int = 1, *args: Any, **kwargs: Any) -> None:
        """``warnings.warn`` with the level counted as if the function mode were not there."""
        # Under a mode the function is entered twice: user, function, handle_torch_function, our handler, function.
        # From one's own frame outwards, everything up to and including the first entry is passed over.
        frame = sys._getframe(1)
        extra = 0
        depth = 0
        outer = frame.f_back
        while outer is not None and depth < 12:
            depth += 1
            if outer.f_code is frame.f_code:
                extra = depth
            if outer.f_code.co_filename.startswith(OWN_PACKAGE) or outer.f_code.co_name == "handle_torch_function":
                outer = outer.f_back
                continue
            if extra != depth:
                break
            outer = outer.f_back
        _warnings.warn(message, category, stacklevel + 1 + (extra if stacklevel > 1 else 0), *args, **kwargs)


def wrap_warnings(original: ModuleType) -> ModuleType:
    """A stand-in for the warnings module."""
    return _Warnings(original)

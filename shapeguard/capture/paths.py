"""Where a module stands in its model: ``model.layers.3.self_attn``.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from shapeguard.capture.state import state

_names: WeakKeyDictionary[Any, dict[int, str]] = WeakKeyDictionary()


def path_of(module: Any) -> str:
    """The module's path below the outermost module at work; its class name where it stands below none."""
    root = state.root
    if root is None or root is module:
        return type(module).__name__
    names = _names.get(root)
    if names is None or id(module) not in names:
        names = _names[root] = {id(child): name for name, child in root.named_modules()}
    return names.get(id(module)) or type(module).__name__

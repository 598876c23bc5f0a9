"""Where a module stands in its model: ``model.layers.3.self_attn``.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

from typing import Any
from weakref import ref

from shapeguard.capture.state import state

_roots: dict[int, tuple[Any, dict[int, str]]] = {}  # by the root's id: a module of the user's may not be hashable
_MAX_ROOTS = 64


def path_of(module: Any) -> str:
    """The module's path below the outermost module at work; its class name where it stands below none."""
    root = state.now.root
    if root is None or root is module:
        return type(module).__name__
    known = _roots.get(id(root))
    if known is None or known[0]() is not root:
        known = _remember(root)
    names = known[1]
    path = names.get(id(module))
    if path is None:  # registered since, or in no one's care; asked once
        names.update(_remember(root)[1])
        path = _roots[id(root)][1].setdefault(id(module), "")
    return path or type(module).__name__


def _remember(root: Any) -> tuple[Any, dict[int, str]]:
    if len(_roots) >= _MAX_ROOTS:
        _roots.clear()
    _roots[id(root)] = known = (ref(root), _names_below(root))
    return known


def _names_below(root: Any) -> dict[int, str]:
    """Dotted names of all modules below a root, taken from where nn.Module keeps them: none of the user's code is run."""
    names = {id(root): ""}
    waiting: list[tuple[str, Any]] = [("", root)]
    while waiting:
        prefix, parent = waiting.pop()
        for name, child in vars(parent).get("_modules", {}).items():
            if child is not None and id(child) not in names:
                names[id(child)] = path = f"{prefix}{name}"
                waiting.append((f"{path}.", child))
    return names

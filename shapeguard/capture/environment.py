"""What the program runs on, from what it has imported itself."""

from __future__ import annotations

import platform
import sys

_LIBRARIES = ("torch", "transformers", "tokenizers", "accelerate", "peft", "numpy", "lightning")


def environment() -> dict[str, str]:
    """Versions and devices, read without importing anything and without waking a device."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _LIBRARIES:
        version = getattr(sys.modules.get(name), "__version__", None)
        if version is not None:
            found[name] = str(version)
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda") and torch.cuda.is_initialized():
        found["gpu"] = torch.cuda.get_device_name()
    from shapeguard import __version__

    found["shapeguard"] = __version__
    return found

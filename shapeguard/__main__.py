"""``python -m shapeguard``."""

from __future__ import annotations

from shapeguard.cli.main import main

if __name__ == "__main__":
    main()

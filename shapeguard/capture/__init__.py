"""The only part of shapeguard that touches other people's objects. Nothing here imports torch at import time."""

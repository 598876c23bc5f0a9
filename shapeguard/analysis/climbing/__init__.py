"""The climb from an int to the line in which it was written down; :mod:`shapeguard.analysis.climb` is the door."""

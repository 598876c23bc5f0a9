"""``verify()``: proof that a batch gives what its rows give one by one, and the cause where it does not.

* :mod:`~shapeguard.verifying.models`: a causal language model's greedy generation, through its own ``generate``
* :mod:`~shapeguard.verifying.functions`: any function that takes a batch
* :mod:`~shapeguard.verifying.wider`: the same in a wider dtype, which tells rounding from a leak
* :mod:`~shapeguard.verifying.repairs`: the batch with one thing repaired at a time, which tells the cause
"""

from __future__ import annotations

from shapeguard.verifying.entry import verify

__all__ = ["verify"]

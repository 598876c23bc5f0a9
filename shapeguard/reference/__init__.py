"""The pipeline done right, as code to copy: batched generation with a decoder-only model, one readable page each.

* :mod:`~shapeguard.reference.load`: a model and its tokenizer from a folder, a GGUF file or the Hub
* :mod:`~shapeguard.reference.prompts`: pad token and padding side, prompts to ids and mask
* :mod:`~shapeguard.reference.generation`: ``model.generate`` with everything said explicitly
* :mod:`~shapeguard.reference.decoding`: the same loop by hand, in which finished rows leave the batch
"""

from shapeguard.reference.decoding import decode_loop
from shapeguard.reference.generation import end_ids, generate
from shapeguard.reference.load import load
from shapeguard.reference.prompts import encode, prepare

__all__ = ["decode_loop", "encode", "end_ids", "generate", "load", "prepare"]

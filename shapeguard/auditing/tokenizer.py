"""The tokenizer's part of an audit."""

from __future__ import annotations

from typing import Any

from shapeguard.values.pipeline import TokenizerFacts

_NO_LIMIT = 10**9  # transformers writes 1e30 where a tokenizer has no limit
# transformers 5 has the old name as another one for its class.
_KNOWN_AS = {"TokenizersBackend": "PreTrainedTokenizerFast"}
_MESSAGE = [{"role": "user", "content": "hello"}]


def tokenizer_facts(tokenizer: Any) -> TokenizerFacts | None:
    """What a tokenizer says of itself."""
    if tokenizer is None:
        return None
    vocabulary = tokenizer.get_vocab()
    pad = tokenizer.pad_token
    longest = getattr(tokenizer, "model_max_length", None)
    return TokenizerFacts(
        name=_KNOWN_AS.get(type(tokenizer).__name__, type(tokenizer).__name__),
        padding_side=str(tokenizer.padding_side),
        truncation_side=str(getattr(tokenizer, "truncation_side", "")),
        pad=str(pad) if pad is not None else "",
        pad_id=tokenizer.pad_token_id,
        pad_known=pad is None or str(pad) in vocabulary,
        eos_id=tokenizer.eos_token_id,
        special=_special(tokenizer),
        entries=len(tokenizer),
        largest=max(vocabulary.values(), default=None),
        longest=int(longest) if isinstance(longest, int | float) and longest < _NO_LIMIT else None,
        doubles_start=_doubles_start(tokenizer),
    )


def _special(tokenizer: Any) -> dict[str, int]:
    names = ("bos_token", "eos_token", "unk_token", "sep_token", "cls_token", "mask_token", "pad_token")
    ids = {name: getattr(tokenizer, f"{name}_id", None) for name in names}
    return {name: token for name, token in ids.items() if isinstance(token, int)}


def _doubles_start(tokenizer: Any) -> bool:
    """Whether the chat template's text, tokenized as any other text is, begins with two start tokens."""
    start = tokenizer.bos_token_id
    if start is None or not getattr(tokenizer, "chat_template", None):
        return False
    try:
        text = tokenizer.apply_chat_template(_MESSAGE, tokenize=False, add_generation_prompt=True)
        ids = tokenizer(text)["input_ids"]
    except Exception:  # a template may refuse a conversation that is not to its liking
        return False
    return list(ids[:2]) == [start, start]

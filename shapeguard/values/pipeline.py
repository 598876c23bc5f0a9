"""A generation before it runs, as plain facts: model, settings, tokenizer, batch, cache. Never the text or the ids.

The fields are numbers, words and lists of numbers, so that the facts of a call can stand in a recording's row: each under
its part and name, as in ``"model.rows"``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal, TypeVar

import msgspec

Kind = Literal["decoder", "encoder-decoder", "encoder"]
Mark = Literal["token", "pad", "shown pad", "hidden token"]

_Part = TypeVar("_Part", bound=msgspec.Struct)


class ModelFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a model's config, class and embedding say."""

    name: str = ""  # "LlamaForCausalLM"
    family: str = ""  # the config's model_type: "llama"
    kind: Kind = "decoder"
    rows: int | None = None  # of the input embedding, (rows, hidden)
    vocabulary: int | None = None  # the config's vocab_size
    positions: int | None = None
    learned_positions: bool = False  # a table of them: behind its end nothing can be looked up
    window: int | None = None  # of sliding attention
    hidden: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None  # where the config says it; else it is hidden / heads
    rotary: bool = False
    attention: str = ""  # "sdpa"
    attentions_asked: bool = False  # config.output_attentions
    dtype: str = ""
    device: str = ""
    stateful: bool = False  # a state in place of a cache of keys and values
    replaces_ids: bool = False  # placeholder ids without a row, which the model replaces itself

    @property
    def size_of_head(self) -> int | None:
        """head_dim, worked out where the config leaves it out."""
        if self.head_dim is not None:
            return self.head_dim
        return self.hidden // self.heads if self.hidden and self.heads else None


class Settings(msgspec.Struct, frozen=True, omit_defaults=True):
    """The generation config as ``generate`` will see it: its arguments before a given config before the model's own."""

    max_new_tokens: int | None = None
    max_length: int | None = None
    min_new_tokens: int | None = None
    num_beams: int | None = None
    num_return_sequences: int | None = None
    do_sample: bool | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    early_stopping: bool | str | None = None
    use_cache: bool | None = None
    cache_implementation: str | None = None
    prompt_lookup_num_tokens: int | None = None
    output_attentions: bool | None = None
    return_dict_in_generate: bool | None = None
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | tuple[int, ...] | None = None
    decoder_start_token_id: int | None = None

    @property
    def ends(self) -> tuple[int, ...]:
        """The ids that end a text."""
        eos = self.eos_token_id
        return eos if isinstance(eos, tuple) else () if eos is None else (eos,)


class TokenizerFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a tokenizer says of itself."""

    name: str = ""
    padding_side: str = ""
    truncation_side: str = ""
    pad: str = ""  # the pad token's text; "" where there is none
    pad_id: int | None = None
    pad_known: bool = True  # whether the vocabulary has an entry for that text
    eos_id: int | None = None
    special: dict[str, int] = {}  # "eos_token" -> its id
    entries: int = 0
    largest: int | None = None  # the largest id it can give
    longest: int | None = None  # model_max_length, where it is a length at all
    doubles_start: bool = False  # tokenizing its own chat template's text gives two start tokens


class CacheFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """A KV cache that a generation is to begin with; keys are (batch, kv_heads, length, head_dim)."""

    kind: str = ""  # "DynamicCache", "tuple"
    legacy: bool = False
    rows: int | None = None
    kv_heads: int | None = None
    length: int | None = None  # positions that are filled
    head_dim: int | None = None
    room: int | None = None  # positions that a cache of fixed size has


class BatchFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rows of token ids with their mask and positions. ``side`` and ``mask`` are as in :mod:`capture.wrappers.padding`."""

    rows: int = 0
    width: int = 0
    lengths: tuple[int, ...] = ()  # real tokens of each row
    ragged: bool = False  # lists of unequal length, which are no tensor
    side: str = "?"  # where the padding stands: as the mask says, else as the ids show
    mask: str = "?"  # "absent", or the side that the mask leaves out
    mask_shape: tuple[int, ...] = ()
    shown: int = 0  # rows in which the mask shows padding, or in which padding has no mask
    hidden: int = 0  # rows in which the mask hides real tokens
    smallest: int | None = None
    largest: int | None = None
    positions: str = "absent"  # "counted" from each row's first token, or "padding": the padding is counted too
    positions_shape: tuple[int, ...] = ()
    doubled: int = 0  # rows that begin with two start tokens
    cut: int = 0  # rows shorter than their prompts
    asked: tuple[int, ...] = ()  # lengths of the prompts themselves, where they are known


class Pipeline(msgspec.Struct, frozen=True):
    """All that is known before a generation runs."""

    model: ModelFacts = ModelFacts()
    settings: Settings = Settings()
    tokenizer: TokenizerFacts | None = None
    batch: BatchFacts | None = None
    cache: CacheFacts | None = None
    weights: dict[str, tuple[int, ...]] = {}  # shapes of a checkpoint's tensors, by their names


class PictureRow(msgspec.Struct, frozen=True):
    """One row of a batch: its real tokens, and its positions from left to right as runs of equal marks."""

    length: int
    runs: tuple[tuple[Mark, int], ...]


class BatchPicture(msgspec.Struct, frozen=True):
    """A batch to look at: rows by positions."""

    width: int
    rows: tuple[PictureRow, ...]
    left_out: int = 0  # rows that are not shown


@cache
def fields_of(part: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """The fields of a part with their types, looked up once."""
    return msgspec.structs.fields(part)


def flat(part: msgspec.Struct, name: str) -> dict[str, object]:
    """The facts that are known, as entries of a row: ``"model.rows": 32000``. A float becomes a word."""
    facts: dict[str, object] = msgspec.to_builtins(part)
    prefix = f"{name}." if name else ""
    return {f"{prefix}{field}": str(value) if type(value) is float else value for field, value in facts.items()}


def read(facts: Mapping[str, object], name: str, part: type[_Part]) -> _Part:
    """The facts back out of a row's entries. What has another form there (a tensor, an object) is left unknown."""
    prefix = f"{name}." if name else ""
    found: dict[str, object] = {}
    for field in fields_of(part):
        value = facts.get(f"{prefix}{field.name}")
        try:
            found[field.name] = msgspec.convert(value, field.type, strict=False) if value is not None else field.default
        except msgspec.ValidationError:
            found[field.name] = field.default
    return part(**found)

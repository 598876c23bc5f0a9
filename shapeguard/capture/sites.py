"""THE TABLE of patched places: what is replaced, in which module, for which group of ``watch``, and why.

A module that is not imported is not touched; a place that a version does not have is skipped.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Wrap = Callable[[Any], Any]

CONCAT = ("cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "column_stack")
COLLECTIVES = (
    "all_reduce",
    "broadcast",
    "reduce",
    "all_gather",
    "gather",
    "scatter",
    "all_gather_into_tensor",
    "reduce_scatter",
    "reduce_scatter_tensor",
    "all_gather_single",
    "reduce_scatter_single",
    "all_to_all",
    "all_to_all_single",
)
OPTIMIZERS = (
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "asgd",
    "nadam",
    "radam",
    "rmsprop",
    "rprop",
    "sgd",
)
GROUPS = ("cat", "attention", "cache", "generate", "tokenizer", "module", "loader", "collective", "ops")
STANDARD = ("threading", "concurrent.futures.thread")  # patched whether or not torch is there yet


class PatchSite(NamedTuple):
    """One patched place. ``owner`` is "module" or "module:Class"; ``module:*`` is every class the module defines."""

    owner: str
    name: str
    group: str
    maker: str  # "file:function" below capture/wrappers; called with ``argument`` where that is set
    reason: str
    argument: str = ""
    builtin: str = ""  # TorchScript operator the wrapper is registered as, so that torch.jit.script still finds it
    always: bool = False  # needed whatever is watched

    def owners(self, module: Any) -> Iterator[Any]:
        """The objects whose attribute is replaced."""
        _, _, name = self.owner.partition(":")
        if name == "*":
            for value in list(vars(module).values()):
                if isinstance(value, type) and value.__module__ == module.__name__ and self.name in vars(value):
                    yield value
        elif not name:
            yield module
        elif hasattr(module, name):
            yield getattr(module, name)

    def wrapper(self) -> Wrap:
        """The function that makes the wrapper of an original."""
        file, _, function = self.maker.partition(":")
        made = getattr(importlib.import_module(f"shapeguard.capture.wrappers.{file}"), function)
        wrap: Wrap = made(self.argument) if self.argument else made
        return wrap

    @property
    def module(self) -> str:
        """The module after whose import the place is patched."""
        return self.owner.partition(":")[0]


_CAT_REASON = "operands of a concatenation made in library code, which runs without the function mode"

SITES: tuple[PatchSite, ...] = (
    PatchSite(
        "threading:Thread",
        "start",
        "threads",
        "threads:wrap_start",
        "a thread started by guarded code is guarded like it",
        always=True,
    ),
    PatchSite(
        "threading:Thread",
        "_bootstrap_inner",
        "threads",
        "threads:wrap_body",
        "a thread started by guarded code is guarded like it",
        always=True,
    ),
    PatchSite(
        "concurrent.futures.thread:ThreadPoolExecutor",
        "submit",
        "threads",
        "threads:wrap_submit",
        "a task handed to a pool by guarded code is guarded like it",
        always=True,
    ),
    PatchSite(
        "warnings",
        "warn",
        "warnings",
        "warned:wrap_warn",
        "a warning with a stacklevel is blamed on the line it would be blamed on without our frames",
        builtin="aten::warn",
        always=True,
    ),
    PatchSite(
        "warnings",
        "_showwarnmsg",
        "warnings",
        "warned:wrap_show",
        "a warning raised in C++ is blamed on the line it would be blamed on without our frames",
        always=True,
    ),
    PatchSite(
        "torch.nn:Module",
        "__call__",
        "module",
        "modules:wrap_module_call",
        "the gate between the user's code and library modules",
        always=True,
    ),
    PatchSite(
        "torch.nn:Module",
        "__init__",
        "module",
        "built:wrap_module_init",
        "the user's line in which a layer was built, and with which sizes",
    ),
    PatchSite(
        "torch.nn:Module",
        "load_state_dict",
        "module",
        "checkpoint:wrap_load",
        "a checkpoint of which nothing was loaded, where strict=False says nothing",
    ),
    *(
        PatchSite("torch", name, "cat", "concat:wrap_concat", _CAT_REASON, argument=name, builtin=f"aten::{name}")
        for name in CONCAT
    ),
    PatchSite(
        "shapeguard.reference.concat",
        "joined",
        "cat",
        "joined:wrap_joined",
        "what safe_cat and safe_stack were given, and what they left out",
    ),
    PatchSite(
        "shapeguard.reference.joining",
        "born",
        "cat",
        "joined:wrap_born",
        "the line that made an operand, for the error of safe_cat and safe_stack",
    ),
    PatchSite(
        "torch.nn.functional",
        "scaled_dot_product_attention",
        "attention",
        "attention:wrap_sdpa",
        "shapes of query, key, value and mask where a model calls torch's attention itself",
        builtin="aten::scaled_dot_product_attention",
    ),
    PatchSite(
        "torch",
        "from_numpy",
        "ops",
        "concat:wrap_from_numpy",
        "a tensor is born here that the function mode does not see",
    ),
    PatchSite(
        "torch.utils",
        "swap_tensors",
        "swap",
        "callbacks:wrap_swap",
        "it refuses tensors with weak references, and origins are known by those",
        always=True,
    ),
    *(
        PatchSite(
            owner,
            name,
            "optimizer",
            "callbacks:wrap_library",
            "an optimizer's arithmetic runs without the function mode",
            always=True,
        )
        for optimizer in OPTIMIZERS
        for owner, name in ((f"torch.optim.{optimizer}", optimizer), (f"torch.optim.{optimizer}:*", "_init_group"))
    ),
    *(
        PatchSite(
            owner,
            name,
            "optimizer",
            "callbacks:wrap_library",
            "it asks every parameter for its gradient, which says nothing of shapes",
            always=True,
        )
        for owner, name in (
            ("torch.optim.optimizer:Optimizer", "zero_grad"),
            ("torch.nn.utils", "clip_grad_norm_"),
            ("torch.nn.utils", "clip_grad_value_"),
        )
    ),
    PatchSite(
        "torch.utils.data.dataloader:DataLoader",
        "__init__",
        "loader",
        "built:wrap_init",
        "the user's line in which a loader was made, and its batch size",
    ),
    PatchSite(
        "torch.utils.data.dataloader:DataLoader",
        "__iter__",
        "loader",
        "loader:wrap_iter",
        "which loader an iterator belongs to",
    ),
    PatchSite(
        "torch.utils.data.dataloader:_BaseDataLoaderIter",
        "__next__",
        "loader",
        "loader:wrap_next",
        "shapes of each batch",
    ),
    PatchSite(
        "torch.nn:MultiheadAttention",
        "forward",
        "attention",
        "attention:wrap_multihead_attention",
        "shapes of query, key, value and masks",
    ),
    *(
        PatchSite(
            f"torch.nn:{name}",
            "forward",
            "module",
            "attention:wrap_fast_path",
            "under a function mode its fast path is not taken, and other numbers come out",
            always=True,
        )
        for name in ("TransformerEncoderLayer", "TransformerEncoder")
    ),
    PatchSite(
        "transformers.modeling_utils:AttentionInterface",
        "get_interface",
        "attention",
        "attention:wrap_get_interface",
        "attention of every transformers model, eager default and user-registered functions included",
    ),
    *(
        PatchSite(
            "transformers.cache_utils:*",
            name,
            "cache",
            "cache:wrap_method",
            "rows and length of the KV cache before and after",
            argument=name,
        )
        for name in ("update", "reorder_cache", "crop", "batch_select_indices", "batch_repeat_interleave", "reset")
    ),
    PatchSite(
        "transformers.cache_utils:Cache",
        "__init__",
        "cache",
        "built:wrap_init",
        "the user's line in which a cache was made, and with which sizes",
    ),
    PatchSite(
        "transformers.configuration_utils:PreTrainedConfig",
        "__post_init__",
        "module",
        "built:wrap_init",
        "the user's line in which a model's sizes were chosen",
    ),
    PatchSite(
        "transformers.tokenization_utils_base:PreTrainedTokenizerBase",
        "__init__",
        "tokenizer",
        "built:wrap_init",
        "the user's line in which a tokenizer was made",
    ),
    PatchSite(
        "transformers.generation.utils:GenerationMixin",
        "generate",
        "generate",
        "generate:wrap_generate",
        "effective settings and inputs of a generation; a door around it",
    ),
    *(
        PatchSite(
            f"transformers.generation.{file}:{name}",
            "__call__",
            "generate",
            "callbacks:wrap_list_call",
            "the user's own processors and criteria are watched, though generate itself is not",
            always=True,
        )
        for file, name in (("logits_process", "LogitsProcessorList"), ("stopping_criteria", "StoppingCriteriaList"))
    ),
    PatchSite(
        "transformers.modeling_utils:PreTrainedModel",
        "from_pretrained",
        "module",
        "callbacks:wrap_library",
        "loading weights runs without the function mode",
        always=True,
    ),
    *(
        PatchSite(
            "transformers.tokenization_utils_base:PreTrainedTokenizerBase",
            name,
            "tokenizer",
            "tokenizer:wrap_tokenizer",
            "padding side, pad token and row lengths",
            argument=name,
        )
        for name in ("__call__", "pad", "apply_chat_template")
    ),
    *(
        PatchSite(
            "transformers.tokenization_utils_base:PreTrainedTokenizerBase",
            name,
            "tokenizer",
            "vocabulary:wrap_vocabulary",
            "tokens added without new rows of the embedding",
            argument=name,
        )
        for name in ("add_tokens", "add_special_tokens")
    ),
    PatchSite(
        "transformers.modeling_utils:PreTrainedModel",
        "resize_token_embeddings",
        "tokenizer",
        "vocabulary:wrap_vocabulary",
        "rows of the embedding after a resize",
        argument="resize_token_embeddings",
    ),
    *(
        PatchSite(
            "torch.distributed",
            name,
            "collective",
            "collective:wrap_collective",
            "what each rank brings to a collective, before the call that may hang or abort",
            argument=name,
        )
        for name in COLLECTIVES
    ),
    PatchSite(
        "torch.nn.parallel:DistributedDataParallel",
        "__init__",
        "collective",
        "collective:wrap_replicated",
        "which rank builds it, before the comparison of the ranks' parameters that may hang",
    ),
)

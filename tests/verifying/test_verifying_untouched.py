"""Model, tokenizer, random numbers and loggers are after a verification what they were before."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from transformers.utils import logging

from shapeguard import verify
from shapeguard.verifying.untouched import untouched
from tests.verifying.broken import PROMPTS, build, tokenizer_of


def everything(model: Any) -> dict[str, Any]:
    """All that a verification could have changed in a model."""
    return {
        "modes": [module.training for module in model.modules()],
        "attributes": [set(vars(module)) for module in model.modules()],
        "hooks": [len(module._forward_pre_hooks) for module in model.modules()],
        "dtypes": [tensor.dtype for tensor in model.parameters()],
        "weights": [tensor.data_ptr() for tensor in model.parameters()],
        "grads": [(tensor.requires_grad, tensor.grad) for tensor in model.parameters()],
        "buffers": [(name, tensor.data_ptr()) for name, tensor in model.named_buffers()],
        "config": model.config.to_dict(),
        "attention": model.config._attn_implementation,
        "generation": model.generation_config.to_dict(),
    }


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_model_and_its_tokenizer(side: str, dtype: torch.dtype) -> None:
    model, tokenizer = build("gpt2", dtype), tokenizer_of(side)
    model.train()
    model.transformer.h[0].eval()  # somebody froze a part
    tokenizer(["w1 w2"], truncation=True, max_length=7)  # leaves truncation on in the Rust half
    before = everything(model)
    values = [tensor.clone() for tensor in model.parameters()]
    rust = (tokenizer.backend_tokenizer.padding, tokenizer.backend_tokenizer.truncation)
    told = (tokenizer.padding_side, tokenizer.pad_token, len(tokenizer))
    verify(model, tokenizer, PROMPTS)
    assert everything(model) == before
    assert all(torch.equal(a, b) for a, b in zip(values, model.parameters(), strict=True))
    assert (tokenizer.backend_tokenizer.padding, tokenizer.backend_tokenizer.truncation) == rust
    assert (tokenizer.padding_side, tokenizer.pad_token, len(tokenizer)) == told


def test_random_numbers_go_on_where_they_were() -> None:
    def draw() -> tuple[Any, ...]:
        return float(torch.rand(())), random.random(), float(np.random.rand())

    def drawing(rows: list[int]) -> list[int]:
        draw()
        return rows

    for seed in (lambda: torch.manual_seed(5), lambda: random.seed(5), lambda: np.random.seed(5)):
        seed()
    expected = draw()
    for seed in (lambda: torch.manual_seed(5), lambda: random.seed(5), lambda: np.random.seed(5)):
        seed()
    verify(drawing, [1, 2])
    assert draw() == expected


def test_loggers_and_grad_mode() -> None:
    level = logging.get_verbosity()
    verify(build("llama"), tokenizer_of("right"), PROMPTS)
    assert logging.get_verbosity() == level
    assert torch.is_grad_enabled()


def test_all_is_put_back_after_an_error() -> None:
    model = build("llama").train()
    buffer = next(model.buffers())

    def stopped() -> None:
        with untouched(model):
            assert not model.training
            model.extra = 1
            model.model.rotary_emb.register_buffer("inv_freq", torch.zeros(1), persistent=False)
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        stopped()
    assert model.training
    assert not hasattr(model, "extra")
    assert next(model.buffers()) is buffer

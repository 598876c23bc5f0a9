"""Train the tiny LLaMA that ships with shapeguard: a real LlamaForCausalLM and a real tokenizer, in a few minutes.

    python examples/tiny_llama/train.py --out shapeguard/demo_model

The result is a folder for AutoModelForCausalLM and AutoTokenizer. As with LLaMA's own tokenizer there is an eos token
and a reserved token that no text uses, but no pad token is set, and padding goes to the right.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from random import Random
from typing import Any

import torch
from corpus import documents
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

BOS, EOS, RESERVED = "<|begin_of_text|>", "<|end_of_text|>", "<|finetune_right_pad_id|>"
VOCABULARY = 640
WINDOW = 96  # tokens in a training row
BATCH = 32
STEPS = 700
PEAK_RATE = 3e-3
WARM_UP = 40

CHECKS = (
    ("The capital of France is", " Paris."),
    ("two plus three is", " five."),
    ("Monday Tuesday Wednesday", " Thursday Friday Saturday Sunday."),
    ("Question: What is the colour of snow? Answer:", " The colour of snow is white."),
    ("Once upon a time there was a little fox who lived in a", " forest."),
)


def train_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE that puts ``BOS`` before every text."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[BOS, EOS, RESERVED],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    bpe.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, bpe.token_to_id(BOS))])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=bpe,
        bos_token=BOS,
        eos_token=EOS,
        clean_up_tokenization_spaces=False,
        model_max_length=512,
    )


def build_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Four layers, four query heads over two kv heads of 32."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=288,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )


def token_stream(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> torch.Tensor:
    """All documents one after the other, each between bos and eos: (tokens,)."""
    rows = tokenizer([text + EOS for text in texts])["input_ids"]
    return torch.tensor([token for row in rows for token in row])


def sample_windows(stream: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Rows from anywhere in the stream, so that a fact is learnt at every position: (batch, window)."""
    starts = torch.randint(len(stream) - WINDOW, (BATCH, 1), generator=generator)  # (batch, 1)
    return stream[starts + torch.arange(WINDOW)]  # (batch, 1) + (window,) -> (batch, window)


def learning_rate(step: int) -> float:
    """Linear warm-up, then a cosine down to nothing, as a factor of the peak."""
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / (STEPS - WARM_UP)))


def train(model: torch.nn.Module, stream: torch.Tensor, seed: int) -> None:
    """Next-token training on random windows."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.95), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, learning_rate)
    started = time.monotonic()
    model.train()
    for step in range(STEPS):
        batch = sample_windows(stream, generator)
        loss = model(input_ids=batch, labels=batch).loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == STEPS - 1:
            print(f"step {step:4d}  loss {loss.item():.3f}  {time.monotonic() - started:5.0f} s", flush=True)
    model.eval()


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Half-precision weights on disk (2 bytes each); the config asks for float32 when they are loaded."""
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, do_sample=False
    )
    torch.nn.Module.half(model).save_pretrained(out)
    tokenizer.save_pretrained(out)
    config = out / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "dtype": "float32"}, indent=2) + "\n")
    (out / "model.safetensors").chmod(0o644)  # written for the owner alone; a package's data is for everybody


def check(out: Path) -> bool:
    """Whether the model, loaded back from disk, continues every prompt of ``CHECKS`` as it should."""
    model: Any = AutoModelForCausalLM.from_pretrained(out)
    tokenizer = AutoTokenizer.from_pretrained(out)
    right = 0
    for prompt, expected in CHECKS:
        ids = tokenizer(prompt, return_tensors="pt")
        output = model.generate(**ids, max_new_tokens=len(tokenizer(expected)["input_ids"]) - 1, do_sample=False)
        answer = tokenizer.decode(output[0, ids["input_ids"].shape[1] :])  # (seq,) -> (new,)
        right += answer == expected
        print(f"{'ok   ' if answer == expected else 'WRONG'} {prompt!r} -> {answer!r}")
    return right == len(CHECKS)


def main() -> int:
    """Train, save, load back, look at the answers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    texts = documents(20_000, Random(options.seed))
    tokenizer = train_tokenizer(texts)
    model = build_model(tokenizer)
    print(f"{model.num_parameters():,} parameters, vocabulary of {len(tokenizer)}")
    train(model, token_stream(tokenizer, texts), options.seed)
    save(model, tokenizer, options.out)
    return 0 if check(options.out) else 1


if __name__ == "__main__":
    raise SystemExit(main())

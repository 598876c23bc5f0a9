"""The same prompts as in batched_generation.py through the reference pipeline, which gets them right.

python examples/reference_generation.py
python examples/reference_generation.py --model path/to/model --prompts prompts.txt --loop
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from batched_generation import PROMPTS, TINY_LLAMA, read_prompts
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from shapeguard.errors import ShapeguardError
from shapeguard.reference import decode_loop, encode, end_ids, generate, load, prepare


def generate_by_hand(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[str],
    *,
    max_new_tokens: int,
    stop_ids: list[int],
) -> list[str]:
    """What ``generate`` returns, by the loop that can be read: finished rows leave the mask and the cache too."""
    batch = encode(tokenizer, prompts).to(model.device)
    answers = decode_loop(
        model,
        batch["input_ids"],
        batch["attention_mask"],
        max_new_tokens=max_new_tokens,
        eos_token_id=end_ids(model, tokenizer),
        stop_ids=stop_ids,
    )
    return list(tokenizer.batch_decode(answers, skip_special_tokens=True))


def main() -> None:
    """Load, prepare, generate, print."""
    parser = argparse.ArgumentParser(description="Continue a batch of prompts with the reference pipeline.")
    parser.add_argument("--model", default=str(TINY_LLAMA), help="a model folder, a .gguf file or a Hub id")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--prompts", type=Path, help="a text file with one prompt a line")
    parser.add_argument("--max-new-tokens", type=int, default=24)
    parser.add_argument("--loop", action="store_true", help="the hand-written loop instead of model.generate")
    options = parser.parse_args()

    prompts = read_prompts(options.prompts) if options.prompts else PROMPTS
    try:
        model, tokenizer = load(options.model, device=options.device, dtype=options.dtype)
        prepare(tokenizer, model)
    except ShapeguardError as error:
        sys.exit(str(error))

    full_stop = tokenizer.encode(".", add_special_tokens=False)[-1]
    run = generate_by_hand if options.loop else generate
    answers = run(model, tokenizer, prompts, max_new_tokens=options.max_new_tokens, stop_ids=[full_stop])
    for prompt, answer in zip(prompts, answers, strict=True):
        print(f"{prompt} ->{answer}")


if __name__ == "__main__":
    main()

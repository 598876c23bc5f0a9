"""Continue a batch of prompts with a causal language model and keep the conversation.

python examples/batched_generation.py
python examples/batched_generation.py --model path/to/model --prompts prompts.txt --max-new-tokens 40
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

TINY_LLAMA = Path(__file__).resolve().parent.parent / "shapeguard" / "demo_model"

PROMPTS = [
    "The capital of France is",
    "Monday Tuesday Wednesday",
    "two plus three is",
    "Once upon a time there was a little fox who lived in a forest. On Monday",
]


def load_model(path: str, device: str, dtype: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a model folder, a Hub id, or a GGUF file (alone or the only one in its folder)."""
    source = Path(path)
    files = [source] if source.suffix == ".gguf" else list(source.glob("*.gguf"))
    options = {"gguf_file": files[0].name} if files else {}
    name = str(files[0].parent) if files else path
    tokenizer = AutoTokenizer.from_pretrained(name, **options)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model: Any = AutoModelForCausalLM.from_pretrained(name, dtype=dtype, **options)
    return model.to(device), tokenizer


def stop_tokens(tokenizer: PreTrainedTokenizerBase, device: torch.device) -> torch.Tensor:
    """The ids at which an answer is complete: the end of the text or a full stop."""
    full_stop = tokenizer.encode(".", add_special_tokens=False)[-1]
    return torch.tensor([tokenizer.eos_token_id, full_stop], device=device)


@torch.no_grad()
def generate_batch(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[str],
    input_ids: torch.Tensor,
    max_new_tokens: int,
) -> list[torch.Tensor]:
    """Greedy decoding of all prompts at once; a row that is done is shown and not computed any further."""
    stop_ids = stop_tokens(tokenizer, input_ids.device)
    answers: list[list[int]] = [[] for _ in prompts]
    active = list(range(len(prompts)))
    past_key_values = None
    for _ in range(max_new_tokens):
        outputs = model(input_ids=input_ids, past_key_values=past_key_values, use_cache=True)
        past_key_values = outputs.past_key_values
        next_tokens = outputs.logits[:, -1, :].argmax(dim=-1)
        for row, token in zip(active, next_tokens.tolist(), strict=True):
            answers[row].append(token)

        unfinished = ~torch.isin(next_tokens, stop_ids)
        for row, going_on in zip(active, unfinished.tolist(), strict=True):
            if not going_on:
                print(f"{prompts[row]} ->{tokenizer.decode(answers[row], skip_special_tokens=True)}")
        active = [row for row, going_on in zip(active, unfinished.tolist(), strict=True) if going_on]
        if not active:
            break
        input_ids = next_tokens[unfinished].unsqueeze(-1)
    return [torch.tensor(answer, device=input_ids.device) for answer in answers]


def extend_history(history: torch.Tensor, prompts: torch.Tensor, answers: list[torch.Tensor]) -> torch.Tensor:
    """The conversation so far as one row of ids, with this round's prompts and answers at its end."""
    turns = [torch.cat([prompt, answer]) for prompt, answer in zip(prompts, answers, strict=True)]
    return torch.cat([history, *turns])


def read_prompts(path: Path) -> list[str]:
    """One prompt a line."""
    try:
        prompts = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"{path}: cannot be read as UTF-8 text ({error})")
    if not prompts:
        sys.exit(f"{path}: there is no prompt in it")
    return prompts


def main() -> None:
    """Load the model, generate, keep the history."""
    parser = argparse.ArgumentParser(description="Continue a batch of prompts.")
    parser.add_argument("--model", default=str(TINY_LLAMA), help="a model folder, a .gguf file or a Hub id")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--prompts", type=Path, help="a text file with one prompt a line")
    parser.add_argument("--max-new-tokens", type=int, default=24)
    options = parser.parse_args()

    prompts = read_prompts(options.prompts) if options.prompts else PROMPTS
    model, tokenizer = load_model(options.model, options.device, options.dtype)
    batch = tokenizer(prompts, padding=True, return_tensors="pt").to(model.device)
    print(f"{len(prompts)} prompts, {batch.input_ids.shape[1]} tokens wide")

    answers = generate_batch(model, tokenizer, prompts, batch.input_ids, options.max_new_tokens)
    history = extend_history(batch.input_ids.new_empty(0), batch.input_ids, answers)
    print(f"the conversation has {len(history)} tokens")


if __name__ == "__main__":
    main()

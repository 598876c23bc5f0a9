"""What each level costs: ratios to the bare run, medians over alternating repeats in one process, one thread.

python benchmarks/overhead.py [--repeats N] [--tokens N]

The work is the worst case for a watcher: greedy decoding of a LLaMA so small that a step takes a few milliseconds.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel
from transformers.utils import logging

import shapeguard
from shapeguard.values.store import dump_recording

LEVELS = ("crash", "boundary", "user", "all")
Runner = Callable[[], object]


def tiny_llama() -> PreTrainedModel:
    """Hidden 256, 4 layers, 4 heads, 2 kv heads, vocabulary 2000."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=2000,
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        eos_token_id=None,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config).eval()


def generate(model: PreTrainedModel, tokens: int) -> torch.Tensor:
    """Greedy decoding of a batch of 3 by ``model.generate``."""
    ids = torch.arange(1, 25).reshape(3, 8)
    return model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False)


@torch.no_grad()
def decode(model: PreTrainedModel, tokens: int) -> torch.Tensor:
    """The same by a loop of the user's own, in which every op is watched at level ``user``."""
    ids = torch.arange(1, 25).reshape(3, 8)
    mask, cache, out = torch.ones_like(ids), None, []
    for _ in range(tokens):
        step = model(ids, attention_mask=mask, past_key_values=cache, use_cache=True)
        cache = step.past_key_values
        ids = step.logits[:, -1].argmax(-1, keepdim=True)
        mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
        out.append(ids)
    return torch.cat(out, dim=1)


def timed(work: Runner, context: AbstractContextManager[object]) -> float:
    """CPU seconds of one run, entering and leaving the guard left out."""
    with context:
        start = time.process_time()
        work()
        return time.process_time() - start


def ratios(work: Runner, repeats: int) -> dict[str, float]:
    """Median of each level's ratio to the bare run beside it."""
    found: dict[str, list[float]] = {level: [] for level in LEVELS}
    timed(work, nullcontext())
    for level in LEVELS:
        timed(work, shapeguard.guard(level))
    gc.collect()
    for _ in range(repeats):
        for level in LEVELS:
            before = timed(work, nullcontext())
            watched = timed(work, shapeguard.guard(level))
            after = timed(work, nullcontext())
            found[level].append(2 * watched / (before + after))
    return {level: statistics.median(values) for level, values in found.items()}


def recording_size(model: PreTrainedModel, tokens: int) -> int:
    """Bytes of the compact recording of a decoding run of this many tokens."""
    with shapeguard.guard() as guard:
        decode(model, tokens)
    return len(dump_recording(guard.recording))


def import_time() -> float:
    """Median seconds of ``import shapeguard`` in a fresh interpreter, the interpreter's own start left out."""
    code = "import time; t = time.perf_counter(); import shapeguard; print(time.perf_counter() - t)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(9)]
    return statistics.median(float(run.stdout) for run in runs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--tokens", type=int, default=48)
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    model = tiny_llama()
    for name, work in (("model.generate", generate), ("a loop by hand", decode)):
        for level, ratio in ratios(lambda work=work: work(model, options.tokens), options.repeats).items():
            print(f"{name:<16} {level:<9} {ratio:.3f}", flush=True)
    for tokens in (50, 5000):
        print(f"recording of {tokens} tokens: {recording_size(model, tokens) / 1000:.1f} kB", flush=True)
    print(f"import shapeguard: {import_time() * 1000:.1f} ms")
    print(f"torch {torch.__version__}, Python {sys.version.split()[0]}, one thread, {Path(__file__).name}")


if __name__ == "__main__":
    main()

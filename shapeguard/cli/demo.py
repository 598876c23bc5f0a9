"""``shapeguard demo``: a failing run explained, and the right pipeline beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shapeguard import demo as scenes
from shapeguard.cli.say import say, show_answer
from shapeguard.errors import UsageError
from shapeguard.output import prepare_out


def demo(
    model: Annotated[
        str, typer.Option(help="A model folder, a .gguf file or a hub id; by default the tiny LLaMA that comes along.")
    ] = str(scenes.TINY_LLAMA),
    device: Annotated[str, typer.Option(help="Such as cpu or cuda.")] = "cpu",
    dtype: Annotated[str, typer.Option(help="Such as auto, float32 or bfloat16.")] = "auto",
    prompts: Annotated[Path | None, typer.Option(help="A text file with one prompt a line.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("shapeguard-report"),
    max_new_tokens: Annotated[int, typer.Option(help="Tokens to generate for each prompt.")] = 24,
) -> int:
    """Guard a batched generation that crashes, explain it, and show the reference pipeline beside it."""
    settings = scenes.Settings(model, device, dtype, prompts, max_new_tokens)
    scenes.check(settings)
    folder = prepare_out(out)
    texts = scenes.default_prompts() if prompts is None else scenes.read_prompts(prompts)
    say("running a batched generation as people write it ...")
    failing = scenes.run_failing(settings, folder.path)
    say("running the reference pipeline on the same prompts ...")
    reference = scenes.run_reference(settings, folder.path / "reference")
    report = scenes.side_by_side(failing, reference, texts)
    scenes.write(folder, failing, report)
    if not failing.report.steps and not reference.report.steps:
        raise UsageError(_why(failing) or "neither script reached the model; see the reports in " + folder.shown)
    for prompt, answer in zip(texts, report.comparison.right.outputs if report.comparison else (), strict=False):
        say(f"reference: {prompt!r} -> {answer!r}")
    show_answer(report, folder)
    say(f"both runs side by side: {folder.shown}/report.html")
    return 0


def _why(run: scenes.DemoRun) -> str:
    exception = run.report.exception
    return f"the model could not be run: {exception.type}: {exception.message.splitlines()[0]}" if exception else ""

"""``shapeguard demo``: a failing run explained, and the right pipeline beside it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from shapeguard.cli.say import say, show_answer
from shapeguard.errors import UsageError

if TYPE_CHECKING:
    from shapeguard.demo import DemoRun

SUMMARY = "Guard a batched generation that crashes, explain it, and show the reference pipeline beside it."


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--model", help="a model folder, a .gguf file or a hub id (default: a tiny LLaMA that comes along)"
    )
    parser.add_argument("--device", default="cpu", help="such as cpu or cuda (default: %(default)s)")
    parser.add_argument("--dtype", default="auto", help="such as auto, float32 or bfloat16 (default: %(default)s)")
    parser.add_argument("--prompts", type=Path, metavar="FILE", help="a text file with one prompt a line")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        default=Path("shapeguard-report"),
        help="folder for the report (default: %(default)s)",
    )
    parser.add_argument(
        "--max-new-tokens", type=int, metavar="N", default=24, help="tokens for each prompt (default: %(default)s)"
    )


def main(options: Namespace) -> int:
    """Both runs, the comparison, the files, the answer."""
    from shapeguard import demo as scenes
    from shapeguard.output import prepare_out

    model = options.model or str(scenes.TINY_LLAMA)
    settings = scenes.Settings(model, options.device, options.dtype, options.prompts, options.max_new_tokens)
    scenes.check(settings)
    folder = prepare_out(options.out)
    prompts = scenes.default_prompts() if options.prompts is None else scenes.read_prompts(options.prompts)
    say("running a batched generation as people write it ...")
    failing = scenes.run_failing(settings, folder.path)
    say("running the reference pipeline on the same prompts ...")
    reference = scenes.run_reference(settings, folder.path / "reference")
    report = scenes.side_by_side(failing, reference, prompts)
    scenes.write(folder, failing, report)
    if not failing.report.steps and not reference.report.steps:
        raise UsageError(_why(failing) or f"neither script reached the model; see the reports in {folder.shown}")
    for prompt, answer in zip(prompts, report.comparison.right.outputs if report.comparison else (), strict=False):
        say(f"reference: {prompt!r} -> {answer!r}")
    show_answer(report, folder)
    say(f"both runs side by side: {folder.shown}/report.html")
    return 0


def _why(run: DemoRun) -> str:
    exception = run.report.exception
    return f"the model could not be run: {exception.type}: {exception.message.splitlines()[0]}" if exception else ""

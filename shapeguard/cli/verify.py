"""``shapeguard verify``: is a batch of prompts what its prompts are one by one?"""

from __future__ import annotations

import shutil
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from shapeguard.cli.say import put, say
from shapeguard.errors import UsageError
from shapeguard.values.findings import Report

SUMMARY = "Compare a batched generation with its prompts one by one, and name the cause where they differ."
FAILED_STATUS = 1


def add_arguments(parser: ArgumentParser) -> None:
    parser.epilog = "Exits with 0 where all rows agree, with 1 where one does not, with 2 for bad input."
    parser.add_argument("model", metavar="MODEL", help="a model folder, a .gguf file or a hub id")
    parser.add_argument(
        "--prompts", type=Path, metavar="FILE", required=True, help="a text file with one prompt a line, two at least"
    )
    parser.add_argument("--padding-side", choices=("left", "right"), help="instead of the tokenizer's own")
    parser.add_argument("--pad-token", metavar="TOKEN", help="instead of the tokenizer's own; one of its vocabulary")
    parser.add_argument("--no-mask", action="store_true", help='as generate(batch["input_ids"]) does')
    parser.add_argument(
        "--new-tokens", type=int, metavar="N", default=8, help="steps that are compared (default: %(default)s)"
    )
    parser.add_argument("--device", default="cpu", help="such as cpu or cuda (default: %(default)s)")
    parser.add_argument("--dtype", default="auto", help="such as auto, float32 or bfloat16 (default: %(default)s)")
    parser.add_argument("--attention", metavar="NAME", help="such as eager or sdpa (default: the model's)")
    parser.add_argument(
        "--tolerance", type=float, metavar="X", help="difference that counts as equal (default: from the dtype)"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for report.json, report.html and report.md")


def main(options: Namespace) -> int:
    """The table on stdout, the verdict as exit status."""
    from shapeguard.demo import read_prompts
    from shapeguard.output import prepare_out, write_report
    from shapeguard.verifying.opened import Settings, verify_opened

    prompts = read_prompts(options.prompts)
    if options.new_tokens < 1:
        raise UsageError(f"--new-tokens: expected 1 or more, got {options.new_tokens}")
    if not options.model.startswith((".", "/", "~")) and not Path(options.model).exists():  # it may take a minute
        say(f"{options.model}: no such folder or file here; looked for on the Hub")
    folder = None if options.out is None else prepare_out(options.out)
    report = verify_opened(
        Settings(
            model=options.model,
            device=options.device,
            dtype=options.dtype,
            attention=options.attention,
            padding_side=options.padding_side,
            pad_token=options.pad_token,
            pass_mask=not options.no_mask,
            steps=options.new_tokens,
            tolerance=options.tolerance,
        ),
        prompts,
    )
    put(report.to_json().decode() + "\n" if options.json else _panel(report))
    if folder is not None:
        write_report(folder, report)
        say(folder.told)
    return 0 if report.verification is not None and report.verification.passed else FAILED_STATUS


def _panel(report: Report) -> str:
    from shapeguard.render.terminal import render

    color = sys.stdout.isatty()
    width = max(60, min(shutil.get_terminal_size((80, 24)).columns, 120)) if color else 80
    return render(report, width=width, color=color)

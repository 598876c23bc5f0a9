"""``shapeguard audit``: a model's folder and prompts looked at before anything runs."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from shapeguard.cli.files import write_new
from shapeguard.cli.run import FAIL_ON, FINDINGS_STATUS
from shapeguard.cli.say import put
from shapeguard.errors import UsageError

SUMMARY = "Look at a model's folder, its tokenizer and prompts before anything runs; weights are not loaded."


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL_DIR", help="a model folder or a .gguf file")
    parser.add_argument("--prompts", type=Path, metavar="FILE", help="a text file with one prompt a line")
    parser.add_argument("--max-new-tokens", type=int, metavar="N", help="tokens that each prompt is to be continued by")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page to this new file")
    parser.add_argument(
        "--fail-on",
        choices=FAIL_ON,
        default="never",
        help=f"exit with {FINDINGS_STATUS} on such findings (default: %(default)s)",
    )


def main(options: Namespace) -> int:
    """Print the report; the status tells findings only where that was asked for."""
    from shapeguard.demo import needs, read_prompts

    needs("the audit")
    if not options.model.exists():
        raise UsageError(f"{options.model}: no such folder or file; expected a model folder or a .gguf file")
    if options.max_new_tokens is not None and options.max_new_tokens < 1:
        raise UsageError(f"--max-new-tokens: expected 1 or more, got {options.max_new_tokens}")
    prompts = read_prompts(options.prompts) if options.prompts is not None else None
    given = {} if options.max_new_tokens is None else {"max_new_tokens": options.max_new_tokens}
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # what it has to say is in the report
    from shapeguard.auditing import audit

    report = audit(options.model, prompts=prompts, generation_config=given)
    if options.html is not None:
        from shapeguard.render import FORMATS

        write_new("--html", options.html, FORMATS["html"](report))
    if options.json:
        put(report.to_json().decode() + "\n")
    else:
        from shapeguard.render.terminal import render

        put(render(report, color=sys.stdout.isatty()))
    severities = FAIL_ON[options.fail_on]
    return FINDINGS_STATUS if any(finding.severity in severities for finding in report.findings) else 0

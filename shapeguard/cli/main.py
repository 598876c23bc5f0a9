"""The door of the command ``shapeguard``."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import NoReturn

from shapeguard.cli import audit, demo, rules, run, show, verify
from shapeguard.cli.say import say
from shapeguard.errors import ShapeguardError, UsageError

# One file a command: SUMMARY, add_arguments(parser) and main(options), which returns an exit status or an Ending.
COMMANDS = {"run": run, "show": show, "rules": rules, "demo": demo, "audit": audit, "verify": verify}

_EXAMPLES = """\
examples:
  shapeguard demo
  shapeguard run train.py --epochs 3
  shapeguard run --out report -m package.module --flag
  shapeguard audit path/to/model --prompts prompts.txt
  shapeguard show shapeguard-report --format markdown
  shapeguard rules SG301
  shapeguard verify MODEL_FOLDER --prompts prompts.txt --padding-side left
"""


class _Parser(ArgumentParser):
    """Says what is wrong in one line instead of repeating its usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def parser() -> ArgumentParser:
    """The whole command line."""
    top = _Parser(
        prog="shapeguard",
        description="When shapes go wrong in PyTorch and transformers: the cause and the line.",
        epilog=_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="store_true", help="show the version and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, module in COMMANDS.items():
        own = commands.add_parser(name, help=module.SUMMARY, description=module.SUMMARY, allow_abbrev=False)
        module.add_arguments(own)
    return top


def main() -> NoReturn:
    """Run a command; what it returns is its exit status, or an object that knows how to end the process."""
    try:
        ending = dispatch(sys.argv[1:])
    except ShapeguardError as error:
        say(str(error))
        ending = error.exit_code
    except BrokenPipeError:  # somebody had read enough, as in `shapeguard rules | head -3`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        ending = 1
    except KeyboardInterrupt:
        ending = 130
    if isinstance(ending, run.Ending):
        ending.perform()
    sys.exit(ending)


def dispatch(words: Sequence[str]) -> int | run.Ending:
    """Do what the words ask for.

    Raises:
        ShapeguardError: bad input; its ``exit_code`` is the exit status.
    """
    ours: list[str] = list(words)
    theirs: list[str] = []
    if ours[:1] == ["run"]:
        ours, theirs = run.ours_and_theirs(words)
    options = parser().parse_args(ours)
    if options.version:
        from shapeguard import __version__

        print(f"shapeguard {__version__}")
        return 0
    if options.command is None:
        parser().print_help()
        return 0
    options.words = theirs
    status: int | run.Ending = COMMANDS[options.command].main(options)
    if not isinstance(status, run.Ending):
        sys.stdout.flush()  # while a broken pipe can still be answered
    return status


if __name__ == "__main__":
    main()

"""The door of the command ``shapeguard``."""

from __future__ import annotations

import sys
from typing import NoReturn

import click
import typer

from shapeguard.cli import demo, rules, run, show
from shapeguard.errors import ShapeguardError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="When shapes go wrong in PyTorch: the cause and the line.",
)
app.command("run", context_settings={"allow_interspersed_args": False, "ignore_unknown_options": False})(run.run)
app.command("show")(show.show)
app.command("rules")(rules.rules)
app.command("demo")(demo.demo)


def main() -> NoReturn:
    """Run a command; what it returns is its exit status, or an object that knows how to end the process."""
    try:
        ending = _main(run.with_module_arguments_apart(sys.argv[1:]))
    except ShapeguardError as error:
        print(f"shapeguard: {error}", file=sys.stderr)
        ending = error.exit_code
    except click.ClickException as error:
        error.show()
        ending = error.exit_code
    except click.Abort:
        ending = 1
    if isinstance(ending, run.Ending):
        ending.perform()
    sys.exit(ending if isinstance(ending, int) else 0)


def _main(arguments: list[str]) -> object:
    command = typer.main.get_command(app)
    return command.main(arguments, prog_name="shapeguard", standalone_mode=False)


if __name__ == "__main__":
    main()

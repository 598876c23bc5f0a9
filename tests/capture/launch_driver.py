"""Runs a script or ``-m module`` through ``launch`` with a watcher that does nothing, or with one that talks."""

from __future__ import annotations

import sys

from shapeguard.capture.launch import Target, Watcher, launch
from shapeguard.errors import UsageError


class Null:
    """Wants nothing."""

    def enter(self) -> None: ...

    def failed(self, exc: BaseException, thread_name: str) -> None: ...

    def finish(self, outcome: str) -> None: ...


class Talking:
    """Writes a line on stderr for each call."""

    def enter(self) -> None:
        print("<enter>", sys.argv, file=sys.stderr)

    def failed(self, exc: BaseException, thread_name: str) -> None:
        print(f"<failed {type(exc).__name__} in {thread_name}>", file=sys.stderr)

    def finish(self, outcome: str) -> None:
        print(f"<finish {outcome}>", file=sys.stderr)


class Broken:
    """Raises at every call."""

    def enter(self) -> None:
        raise ValueError("enter")

    def failed(self, exc: BaseException, thread_name: str) -> None:
        raise ValueError("failed")

    def finish(self, outcome: str) -> None:
        raise ValueError("finish")


def main() -> None:
    watchers: dict[str, Watcher] = {"null": Null(), "talking": Talking(), "broken": Broken()}
    rest = sys.argv[2:]
    target = Target.module(rest[1], rest[2:]) if rest[0] == "-m" else Target.script(rest[0], rest[1:])
    try:
        end = launch(target, watchers[sys.argv[1]])
    except UsageError as error:
        print(f"usage: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    for line in end.troubles:
        print(line, file=sys.stderr)
    end.perform()


if __name__ == "__main__":
    main()

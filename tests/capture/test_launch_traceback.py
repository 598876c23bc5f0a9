"""Our frames leave every traceback that hangs together with an exception; all others stay."""

from __future__ import annotations

import builtins
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from shapeguard.capture import launch_traceback
from shapeguard.capture.launch_traceback import prune_traceback


def _ours(call: Callable[[], Any]) -> Callable[[], Any]:
    """A wrapper whose frame lies in shapeguard's package."""
    names: dict[str, Any] = {"call": call}
    file = launch_traceback.__file__.replace("launch_traceback.py", "wrappers/concat.py")
    exec(compile("def wrapper():\n    return call()\n", file, "exec"), names)
    return names["wrapper"]  # type: ignore[no-any-return]


def _fail() -> None:
    raise ValueError("x")


def _caught(call: Callable[[], Any]) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        call()
    return caught.value


def _functions(exc: BaseException) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(exc.__traceback__)]


def test_frames_of_ours_go_wherever_they_are() -> None:
    def user() -> None:
        _ours(_ours(_fail))()

    exc = _caught(_ours(user))
    assert _functions(exc) == ["_caught", "wrapper", "user", "wrapper", "wrapper", "_fail"]
    prune_traceback(exc)
    assert _functions(exc) == ["_caught", "user", "_fail"]


def test_frames_of_ours_at_the_head_and_the_end_go() -> None:
    exc = _caught(_ours(lambda: int("a")))
    exc.__traceback__ = exc.__traceback__ and exc.__traceback__.tb_next
    prune_traceback(exc)
    assert _functions(exc) == ["<lambda>"]
    names: dict[str, Any] = {}
    exec(compile("def wrapper(): raise ValueError", launch_traceback.__file__, "exec"), names)
    exc = _caught(names["wrapper"])
    prune_traceback(exc)
    assert _functions(exc) == ["_caught"]


def test_causes_and_contexts_are_pruned_even_in_a_circle() -> None:
    def user() -> None:
        try:
            _ours(_fail)()
        except ValueError as error:
            try:
                _ours(lambda: int("a"))()
            except ValueError:
                raise TypeError from error

    exc = _caught(user)
    cause, context = exc.__cause__, exc.__context__
    assert cause is not None
    assert context is not None
    cause.__context__ = exc
    prune_traceback(exc)
    assert _functions(cause) == ["user", "_fail"]
    assert _functions(context) == ["user", "<lambda>"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with Python 3.11")
def test_members_of_groups_are_pruned() -> None:
    group: Any = vars(builtins)["ExceptionGroup"]
    member = _caught(_ours(_fail))
    prune_traceback(group("outer", [group("inner", [member])]))
    assert _functions(member) == ["_caught", "_fail"]


def test_the_reference_pipelines_keep_their_frames() -> None:
    file = launch_traceback.__file__.replace("capture/launch_traceback.py", "reference/decoding.py")
    names: dict[str, Any] = {"call": _fail}
    exec(compile("def pipeline(): call()", file, "exec"), names)
    exc = _caught(names["pipeline"])
    prune_traceback(exc)
    assert _functions(exc) == ["_caught", "pipeline", "_fail"]

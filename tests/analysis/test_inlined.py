"""A comprehension counts as part of its function, whatever Python ran it."""

from __future__ import annotations

import pytest

from shapeguard.analysis.inlined import inlined
from shapeguard.values.recording import Chain, ExceptionInfo, Failure, FrameInfo, NamedValue, Recording, Site


def _chain_of(*sites: tuple[str, int]) -> list[tuple[str, int]]:
    places = [Site(at, "f.py", line, line, function=function) for at, (function, line) in enumerate(sites)]
    seen = inlined(Recording(sites=places, chains=[Chain(0, tuple(range(len(places))))]))
    return [(seen.sites[number].function, seen.sites[number].line) for number in seen.chains[0].sites]


@pytest.mark.parametrize("name", ["<listcomp>", "net.<locals>.<listcomp>", "net.<locals>.<genexpr>"])
def test_the_function_that_runs_its_comprehension_is_one_place(name: str) -> None:
    assert _chain_of((name, 4), ("net", 4), ("main", 9)) == [("net", 4), ("main", 9)]


def test_comprehensions_in_comprehensions_are_one_place() -> None:
    inner = "net.<locals>.<listcomp>.<locals>.<listcomp>"
    assert _chain_of((inner, 4), ("net.<locals>.<listcomp>", 4), ("net", 4)) == [("net", 4)]


def test_a_generator_that_another_function_uses_up_stays_a_place_of_its_own() -> None:
    chain = [("make.<locals>.<genexpr>", 4), ("use", 9), ("main", 20)]
    assert _chain_of(*chain) == chain


def test_two_chains_through_one_comprehension_are_both_shortened() -> None:
    names = ["net.<locals>.<listcomp>", "net", "main", "other"]
    sites = [
        Site(at, "f.py", 4 if at < 2 else 9 + at, 4 if at < 2 else 9 + at, function=n) for at, n in enumerate(names)
    ]
    seen = inlined(Recording(sites=sites, chains=[Chain(0, (0, 1, 2)), Chain(1, (0, 1, 3))]))
    assert [chain.sites for chain in seen.chains] == [(0, 2), (0, 3)]


def test_frames_are_one_with_the_names_of_both() -> None:
    outer = FrameInfo(
        "f.py", 4, "Net.forward", True, 4, owner=3, locals=(NamedValue("self"), NamedValue("x", shape=(1,)))
    )
    inner = FrameInfo("f.py", 4, "Net.forward.<locals>.<listcomp>", True, 4, op="conv", locals=(NamedValue("x"),))
    failure = Failure(ExceptionInfo("RuntimeError", ""), (outer, inner))
    (frame,) = inlined(Recording(failures=[failure])).failures[0].frames
    assert (frame.function, frame.op, frame.owner) == ("Net.forward", "conv", 3)
    assert [value.expression for value in frame.locals] == ["x", "self"]

"""Climbs through small programs: ``# 0`` marks the use, ``# 1`` and on its callers, ``# origin`` where the value is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from shapeguard.analysis.climb import climb, leaves
from shapeguard.analysis.source import Sources
from shapeguard.values.recording import Site

PROGRAMS = Path(__file__).with_name("test_climb_programs.txt").read_text().split("==== ")[1:]


class Program(NamedTuple):
    """A program of the collection, its marks read."""

    expression: str
    value: int | None
    all: bool  # the header has two bars: the origins marked are all there are
    files: dict[str, str]
    chain: list[Site]
    origins: list[tuple[str, int, str]]  # file, line, kind


def _read(text: str) -> Program:
    head, body = text.split("\n", 1)
    _, bars, asked = re.split(r" (\|\|?) ", head, maxsplit=1)
    expression, _, value = asked.partition(" = ")
    first, *others = re.split(r"^---- (.*)\n", body, flags=re.M)
    files = {"model.py": first, **dict(zip(others[::2], others[1::2], strict=True))}
    listed = files.pop("origin", "").split()
    chain, origins = [], []
    for file, source in files.items():
        for line, row in enumerate(source.splitlines(), 1):
            marks = row.rpartition("  # ")[2].split() if "  # " in row else []
            function = next((mark for mark in marks if mark.startswith("<")), "")
            chain += [(int(mark), file, line, function if mark == "0" else "") for mark in marks if mark.isdigit()]
            if "origin" in marks:
                origins.append((file, line, (marks[marks.index("origin") + 1 :] or [""])[0]))
    if listed:
        origins = [(listed[0], int(listed[1]), listed[2])]
    sites = [Site(number, file, line, line, function=function) for number, file, line, function in sorted(chain)]
    return Program(expression, int(value) if value else None, bars == "||", files, sites, origins)


@pytest.mark.parametrize("text", PROGRAMS, ids=[text.split(" | ")[0].split(" || ")[0] for text in PROGRAMS])
def test_the_climb_ends_where_the_value_is_written(text: str) -> None:
    program = _read(text)
    sources = Sources(program.files)
    if program.all:
        found = leaves(sources, program.chain, program.expression, value=program.value)
        assert {(spot.file, spot.line) for spot in found} == {origin[:2] for origin in program.origins}
        return
    spots = climb(sources, program.chain, program.expression, value=program.value)
    assert (spots[-1].file, spots[-1].line, spots[-1].kind) == program.origins[0], spots
    assert spots[0].kind == "use"
    assert (spots[0].file, spots[0].line) == (program.chain[0].file, program.chain[0].line)

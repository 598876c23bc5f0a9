"""Strategies for the structs of ``shapeguard.values``, made from their type hints."""

from __future__ import annotations

import typing

import msgspec
from hypothesis import strategies as st

from shapeguard.values import findings, pipeline, recording, verification
from shapeguard.values.findings import Report
from shapeguard.values.recording import Chain, Recording, Row, Site

_Struct = typing.TypeVar("_Struct", bound=msgspec.Struct)
_Numbered = typing.TypeVar("_Numbered", Site, Chain, Row)


def _register() -> None:
    st.register_type_strategy(int, st.integers(-(2**62), 2**62))
    st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
    for module in (pipeline, findings, recording, verification):
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                st.register_type_strategy(kind, _any(kind))


def _any(kind: type[_Struct]) -> st.SearchStrategy[_Struct]:
    hints = typing.get_type_hints(kind)
    return st.deferred(lambda: st.builds(kind, **{name: st.from_type(hints[name]) for name in kind.__struct_fields__}))


def _few(kind: type[_Numbered]) -> st.SearchStrategy[list[_Numbered]]:
    """Items whose ids are their places."""
    return st.lists(st.from_type(kind), max_size=3).map(
        lambda items: [msgspec.structs.replace(item, id=number) for number, item in enumerate(items)]
    )


_register()


def reports() -> st.SearchStrategy[Report]:
    """Any report of this version of the schema."""
    return st.from_type(Report).map(lambda report: msgspec.structs.replace(report, schema=findings.REPORT_SCHEMA))


def recordings() -> st.SearchStrategy[Recording]:
    """Any recording whose ids are in order."""
    header = st.from_type(recording.Header).map(
        lambda value: msgspec.structs.replace(value, schema=recording.RECORDING_SCHEMA)
    )
    return st.builds(
        Recording,
        header=header,
        sites=_few(Site),
        chains=_few(Chain),
        rows=_few(Row),
        failures=st.lists(st.from_type(recording.Failure), max_size=1),
        sources=st.dictionaries(st.text(), st.text(), max_size=2),
        notes=st.lists(st.text(), max_size=2),
        footer=st.none() | st.from_type(recording.Footer),
    )

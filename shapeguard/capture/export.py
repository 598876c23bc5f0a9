"""From the recorder's rows to the values of a Recording: done when read, never while the program runs at speed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from types import CodeType
from typing import Any

from shapeguard.capture.chains import Place, chains
from shapeguard.capture.recorder import Recorder
from shapeguard.capture.segment import Segment
from shapeguard.capture.signatures import parameter_names
from shapeguard.values.recording import Chain, Line, Row, Site


def position(code: CodeType, offset: int) -> tuple[int, int, int, int]:
    """(line, end_line, col, end_col) of an instruction; columns are -1 where Python (3.10) does not know them."""
    if hasattr(code, "co_positions"):
        line, end_line, col, end_col = next(islice(code.co_positions(), offset // 2, None), (None,) * 4)
        if line is not None:
            return (
                line,
                end_line if end_line is not None else line,
                col if col is not None else -1,
                end_col if end_col is not None else -1,
            )
    for start, stop, line in code.co_lines():
        if start <= offset < stop and line is not None:
            return line, line, -1, -1
    return code.co_firstlineno, code.co_firstlineno, -1, -1


class Exporter:
    """Turns rows, call chains and places into numbered values; what was handed out before keeps its number."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._sites: dict[tuple[int, int], int] = {}
        self._chains: dict[int, int] = {}
        self._done = 0

    def changed(self) -> Iterator[Line]:
        """Lines for everything that is new or different since the last call."""
        self._recorder.settle()
        segments = self._recorder.segments
        for segment in segments[: len(segments)]:
            if segment.dirty:
                segment.dirty = False
                yield from self._lines(segment)

    def everything(self) -> Iterator[Line]:
        """Lines for the whole recording; to be asked of a fresh exporter."""
        self._recorder.settle()
        segments = self._recorder.segments
        for segment in segments[: len(segments)]:
            yield from self._lines(segment)

    def _lines(self, segment: Segment) -> Iterator[Line]:
        chain = segment.key[3]
        if chain not in self._chains:
            yield from self._chain_lines(chain)
        yield self.row(segment)

    def _chain_lines(self, chain: int) -> Iterator[Line]:
        sites = []
        for place in chains[chain]:
            key = (id(place[0]), place[1])
            if key not in self._sites:
                self._sites[key] = len(self._sites)
                yield make_site(self._sites[key], place)
            sites.append(self._sites[key])
        self._chains[chain] = len(self._chains)
        yield Chain(self._chains[chain], tuple(sites))

    def row(self, segment: Segment) -> Row:
        """The value of one row as it stands now."""
        from shapeguard.capture.layout import Opened  # torch is there: it made the row

        if segment.lag:
            segment.catch_up()
        kind, op, function, chain, module, layouts, thread = segment.key
        opened = Opened(
            layouts, segment.first, segment.last, segment.origins, _names(op, function), segment.first_origins or ()
        )
        return Row(
            id=segment.row,
            op=op,
            kind=kind,
            chain=self._chains[chain],
            inputs=opened.inputs,
            outputs=opened.outputs,
            args=opened.args,
            args_first=opened.args_first,
            module=module if isinstance(module, str) else "",  # a place in a library's code only tells rows apart
            owner=segment.owner,
            count=segment.count,
            first_at=segment.first_at,
            last_at=segment.last_at,
            varied=segment.varied,
            error=segment.error,
            thread=thread,
        )


def _names(op: str, function: Any) -> tuple[str, ...]:
    """Names of the positional parameters; none where the function's own attributes lead nowhere (it may be anybody's)."""
    try:
        return parameter_names(op, function)
    except Exception:
        return ()


def make_site(number: int, place: Place) -> Site:
    """The value of a place."""
    code, offset = place
    line, end_line, col, end_col = position(code, offset)
    function = getattr(code, "co_qualname", code.co_name)
    return Site(number, code.co_filename, line, end_line, col, end_col, function)

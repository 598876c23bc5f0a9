"""Long tables keep their beginning, their end and what matters."""

from __future__ import annotations

from shapeguard.render.excerpt import Gap, excerpt


def test_a_short_table_is_whole() -> None:
    assert excerpt(range(5), cap=5) == [0, 1, 2, 3, 4]


def test_a_long_table_has_gaps_that_say_what_they_hide() -> None:
    shown = excerpt(range(100), cap=10, tail=2, keep=[50])
    assert shown == [0, 1, 2, 3, 4, Gap(44), 49, 50, 51, Gap(46), 98, 99]


def test_nothing_is_lost_or_counted_twice() -> None:
    shown = excerpt(range(10_000), cap=50, keep=range(0, 10_000, 3))
    rows = [item for item in shown if not isinstance(item, Gap)]
    assert len(rows) + sum(item.left_out for item in shown if isinstance(item, Gap)) == 10_000
    assert rows == sorted(set(rows))
    assert len(rows) <= 53

"""A batch as a picture, on the terminal and on the page."""

from __future__ import annotations

from shapeguard.render import html, terminal
from shapeguard.render.picture import draw, notes
from shapeguard.values.findings import Report
from shapeguard.values.pipeline import BatchPicture, PictureRow

PICTURE = BatchPicture(
    8,
    (
        PictureRow(8, (("token", 8),)),
        PictureRow(3, (("pad", 5), ("token", 3))),
        PictureRow(4, (("shown pad", 4), ("token", 1), ("hidden token", 1), ("token", 2))),
    ),
)


def test_each_mark_has_its_sign() -> None:
    drawing = draw(PICTURE, 80)
    assert [row.text for row in drawing.rows] == ["████████", "·····███", "!!!!█?██"]
    assert drawing.marks == ("token", "pad", "shown pad", "hidden token")
    assert notes(drawing) == []


def test_a_wide_batch_is_scaled_and_what_is_wrong_stays_to_be_seen() -> None:
    wide = BatchPicture(
        1000, (PictureRow(999, (("pad", 1), ("token", 499), ("hidden token", 1), ("token", 499))),), left_out=3
    )
    drawing = draw(wide, 40)
    (row,) = drawing.rows
    assert (drawing.scale, len(row.cells), row.text.count("?")) == (25, 40, 1)
    assert notes(drawing) == ["a cell stands for 25 positions", "3 more rows"]


def test_on_the_terminal() -> None:
    text = terminal.render(Report("completed", batch=PICTURE), width=80)
    assert "no findings" in text
    assert "the batch  █ real token, · padding" in text
    assert "    3  ·····███\n" in text
    assert "    4  !!!!█?██\n" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_on_the_page() -> None:
    page = html.render(Report("completed", batch=PICTURE))
    assert 'title="padding that the mask shows">!!!!</span>' in page
    assert 'title="real token that the mask hides">?</span>' in page


def test_an_empty_batch_is_drawn() -> None:
    assert draw(BatchPicture(0, ()), 10).rows == ()

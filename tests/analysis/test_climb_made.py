"""Where the object behind an expression of a failing frame is made, and the call chain built from frames."""

from __future__ import annotations

from shapeguard.analysis.climb import Spot, chain_of_frames, climb, written_at
from shapeguard.analysis.filling import where_filled
from shapeguard.analysis.run import Run
from shapeguard.values.findings import ExceptionInfo
from shapeguard.values.recording import Failure, FrameInfo, Recording

PREFIX = """\
class Prefix:
    def __init__(self, config, count):
        self.count = count

    def past(self, rows):
        flat = self.mlp(self.seed).view(rows, self.count)
        return tuple((layer[0], layer[1]) for layer in flat)


class Tuned:
    def __init__(self, base, count=5):
        self.base = base
        self.prefix = Prefix(base.config, count)

    def forward(self, ids, mask):
        rows = ids.shape[0]
        return self.base(
            ids, mask, past_key_values=self.prefix.past(rows)
        )


def main():
    model = Tuned(base)
    mask = torch.ones(2, 7)
    kept = mask[:, :4]
    first, second = model(ids, kept), model(ids, mask=mask)
    model.report(lambda size: size)


main()
"""


def _run(*frames: FrameInfo, text: str = PREFIX) -> Run:
    failure = Failure(ExceptionInfo("TypeError", "no"), frames)
    return Run(Recording(failures=[failure], sources={"s.py": text}))


def _frame(line: int, function: str, expression: str = "", user: bool = True) -> FrameInfo:
    return FrameInfo("s.py" if user else "lib.py", line, function, user, expression=expression)


FRAMES = (
    _frame(30, "<module>", "main()"),
    _frame(26, "main", "model(ids, mask=mask)"),
    _frame(300, "_call_impl", "forward_call(*args)", user=False),
    _frame(17, "Tuned.forward", "self.base( ids, mask, past_key_values=self.prefix.past(rows) )"),
    _frame(301, "_call_impl", "forward_call(*args)", user=False),
)


def _made(expression: str, frame: int = 3) -> tuple[int, str] | None:
    run = _run(*FRAMES)
    place = written_at(run, FRAMES[frame], expression)
    return (place.line, place.function) if place is not None else None


def test_a_method_of_the_users_makes_its_result_where_it_returns_it() -> None:
    assert _made("self.prefix.past(rows)") == (7, "Prefix.past")


def test_an_argument_was_made_by_the_caller_that_the_frames_name() -> None:
    assert _made("mask") == (24, "main")  # not `kept`, which the other call of the same line passes


def test_an_attribute_is_made_where_the_class_makes_it() -> None:
    assert _made("self.prefix") == (13, "Tuned.__init__")


def test_a_part_of_a_tensor_is_made_by_its_subscript() -> None:
    assert _made("kept", frame=1) == (25, "main")


def test_an_unpacked_part_that_cannot_be_followed_is_told_where_it_was_unpacked() -> None:
    text = "def f(x):\n    rows, width = x.measure()\n    use(rows)\n"
    frame = FrameInfo("s.py", 3, "f", True, expression="use(rows)")
    place = written_at(_run(frame, text=text), frame, "rows")
    assert place is not None
    assert (place.line, place.source) == (2, "rows, width = x.measure()")


def test_what_nothing_binds_has_no_place() -> None:
    assert _made("nowhere") is None
    assert _made("not an expression") is None


def test_the_chain_holds_the_users_frames_from_this_one_outwards() -> None:
    run = _run(*FRAMES)
    chain = chain_of_frames(run, FRAMES[3])
    assert [(site.line, site.function) for site in chain] == [(17, "Tuned.forward"), (26, "main"), (30, "<module>")]
    assert [site.col for site in chain] == [15, 38, 0]  # the second call of line 26
    assert [site.line for site in chain_of_frames(run, FRAMES[1])] == [26, 30]


def test_a_spot_says_how_far_up_the_chain_it_stands() -> None:
    run = _run(*FRAMES)
    spots = climb(run.sources, chain_of_frames(run, FRAMES[3]), "mask")
    assert [(spot.line, spot.depth) for spot in spots][:2] == [(17, 0), (26, 1)]
    assert spots[-1].line == 24


def test_a_number_bound_with_others_is_told_by_its_own_text() -> None:
    run = _run(_frame(2, "<module>", "torch.zeros(depth)"), text="width, depth = 64, 2\nx = torch.zeros(depth)\n")
    spots = climb(run.sources, chain_of_frames(run, run.frames[0]), "depth")
    assert [(spot.line, spot.node_text) for spot in spots] == [(2, "depth"), (1, "2")]


FILLED = """\
class Labels:
    def __init__(self):
        self.vocab = {}

    def fill(self, rows):
        for row in rows:
            self.vocab.setdefault(row, len(self.vocab))


labels = Labels()
labels.fill(shard)
"""


def test_an_empty_container_leads_to_what_another_method_filled_it_with() -> None:
    run = _run(_frame(11, "<module>", "labels.fill(shard)"), text=FILLED)
    found = where_filled(run, Spot("s.py", 3, "Labels.__init__", "{}", "attribute"))
    assert found is not None
    assert (found.line, found.node_text) == (11, "shard")
    assert where_filled(run, Spot("s.py", 10, "<module>", "Labels()", "assign")) is None

"""A climb ends: with odd files, circles, long ladders, wrong chains; and what is known of values guides it."""

from __future__ import annotations

import time

import pytest

from shapeguard.analysis.climb import climb, leaves
from shapeguard.analysis.source import Sources
from shapeguard.values.recording import Site


def _site(line: int, file: str = "m.py", number: int = 0) -> Site:
    return Site(number, file, line, line)


@pytest.mark.parametrize(
    "text",
    [
        "def f(:\n    x\n",
        "",
        "x = x\nuse(x)\n",
        "def f(n):\n    return f(n)\nuse(f(f))\n",
        "class A:\n    def __init__(self):\n        self.x = self.x\na = A()\nuse(a.x)\n",
        "class A(B):\n    pass\nclass B(A):\n    pass\nuse(A().x)\n",
        "while True:\n    n = n + m\n    m = n * m\n    use(n)\n",
        "use(*[(yield)], **{})\n",
        "x: int\nuse(x)\n",
        "match n:\n    case 3:\n        k = 4\nuse(k)\n",
    ],
)
def test_odd_programs_are_survived(text: str) -> None:
    sources = Sources({"m.py": text})
    for line in range(1, len(text.splitlines()) + 2):
        for expression in ("x", "n", "a.x", "A().x", "f(f)", "k", "self.x", "n[0](1)", "lambda: n", "[*x]", "1 +"):
            spots = climb(sources, [_site(line)], expression, value=3)
            assert len(spots) < 60


def test_no_chain_and_unknown_files_give_nothing() -> None:
    assert climb(Sources({"m.py": "x = 1\n"}), [], "x") == []
    assert climb(Sources({}), [_site(1)], "x") == []


def test_a_caller_whose_file_is_not_known_ends_the_climb() -> None:
    sources = Sources({"m.py": "def f(n):\n    return use(n)\n"})
    spots = climb(sources, [_site(2), _site(9, "gone.py", 1)], "n")
    assert [(spot.line, spot.kind) for spot in spots] == [(2, "use"), (1, "parameter")]


def test_a_long_ladder_of_names_is_bounded_in_hops_and_time() -> None:
    rows = ["x0 = 1", *(f"x{i} = x{i - 1} + x{i - 1}" for i in range(1, 400)), "use(x399)"]
    start = time.perf_counter()
    spots = climb(Sources({"m.py": "\n".join(rows)}), [_site(len(rows))], "x399", value=5)
    assert len(spots) <= 42
    assert time.perf_counter() - start < 5


def test_a_known_value_decides_between_two_assignments() -> None:
    text = "if flag:\n    n = read()\nelse:\n    n = ask()\nuse(n)\n"
    sources = Sources({"m.py": text})

    def known(file: str, function: str, expression: str) -> int | None:
        assert (file, function) == ("m.py", "<module>")
        return {"read()": 4, "ask()": 7}.get(expression)

    assert climb(sources, [_site(5)], "n", value=7, known=known)[-1].line == 4
    assert climb(sources, [_site(5)], "n", value=4, known=known)[-1].line == 2


def test_the_value_of_an_operand_is_worked_out_from_the_result() -> None:
    text = "if flag:\n    n = 8\nelse:\n    n = 12\nuse(n * 3)\n"
    assert climb(Sources({"m.py": text}), [_site(5)], "n * 3", value=36)[-1].line == 4
    assert climb(Sources({"m.py": text}), [_site(5)], "n * 3", value=24)[-1].line == 2


def test_what_was_written_down_comes_before_what_came_from_data() -> None:
    text = "WIDTH = 8\ndef f(x):\n    n = x.size(1) + tokenizer(x) + WIDTH\n    use(n)\n"
    kinds = [spot.kind for spot in leaves(Sources({"m.py": text}), [_site(4)], "n")]
    assert kinds[0] == "constant"
    assert kinds.index("call") < kinds.index("data")


def test_an_entry_in_a_text_over_several_lines_is_its_own_line() -> None:
    text = 'CFG = """\na: 1\nb: 2\n"""\nuse(yaml.safe_load(CFG)["b"])\n'
    spots = climb(Sources({"m.py": text}), [_site(5)], 'yaml.safe_load(CFG)["b"]')
    assert (spots[-1].line, spots[-1].kind, spots[-1].node_text) == (3, "entry", "b: 2")

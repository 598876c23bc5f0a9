"""What operands are called in the user's expression, from literal expressions and rows."""

from __future__ import annotations

import pytest

from shapeguard.analysis.operand_names import operand_texts
from shapeguard.analysis.source import parsed_text
from shapeguard.values.recording import Row, TensorArg


def _row(op: str, *labels: str, kind: str = "op") -> Row:
    inputs = tuple(TensorArg(label, (2, 3), (2, 3), "float32", "cpu") for label in labels)
    return Row(id=0, op=op, kind=kind, chain=0, inputs=inputs)


@pytest.mark.parametrize(
    ("text", "row", "names"),
    [
        ("scores - labels", _row("sub", "input", "other"), {"input": "scores", "other": "labels"}),
        ("scores == labels", _row("eq", "input", "other"), {"input": "scores", "other": "labels"}),
        ("1 - scores", _row("rsub", "self"), {}),
        ("scores.softmax(0)", _row("softmax", "input"), {"input": "scores"}),
        ("F.softmax(scores, dim=0)", _row("softmax", "input"), {"input": "scores"}),
        ("F.mse_loss(input=a, target=b)", _row("mse_loss", "input", "target"), {"input": "a", "target": "b"}),
        ("criterion(out, y)", _row("MSELoss", "input", "target", kind="module"), {"input": "out", "target": "y"}),
        ("self.pool(x).flatten(1)", _row("relu", "input"), {}),  # the call around it
        ("layer(*parts)", _row("Bilinear", "input1", "input2", kind="module"), {}),
        ("f(" + "x" * 60 + ")", _row("f", "input"), {}),  # too long to say more than the role
        ("", _row("sub", "input", "other"), {}),
    ],
)
def test_names(text: str, row: Row, names: dict[str, str]) -> None:
    assert operand_texts(parsed_text(text), row) == names

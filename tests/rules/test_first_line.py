"""Where the first finding points, for causes whose line lies far from the failing one."""

from __future__ import annotations

from pathlib import Path

import pytest

import shapeguard
from shapeguard.values.findings import Finding

_BERT = """
from transformers import BertConfig, BertModel
from tiny_models import tokenizer
model = BertModel(BertConfig(vocab_size=24, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                             intermediate_size=32, max_position_embeddings=8)).eval()
tok = tokenizer()
"""

_CASES = {
    "a max_length beyond the table": ("SG106", "def encode(texts, size=10)", _BERT + """
def encode(texts, size=10):
    batch = tok(texts, padding=True, truncation=True, max_length=size, return_tensors="pt")
    return model(**batch).last_hidden_state[:, 0]

encode(["the fox sat on the mat and saw the moon over the hill"])
"""),
    "a prompt that nothing cuts": ("SG106", "batch = tok(", _BERT + """
batch = tok("the fox sat on the mat and saw the moon over the hill", return_tensors="pt")
model(**batch)
"""),
    "an encoder without its mask": ("SG103", "states = model(", _BERT + """
batch = tok(["the fox sat", "a"], padding=True, return_tensors="pt")
states = model(batch["input_ids"]).last_hidden_state
vectors = states[:, 0] * 2
"""),
    "an embedding as large as the vocabulary, whose ids begin with 1": ("SG104", "words = nn.Embedding(", """
import torch
from torch import nn
vocab = {"a": 1, "b": 2, "c": 3}
words = nn.Embedding(len(vocab), 4)
words(torch.tensor([vocab[word] for word in "a c".split()]))
"""),
    "settings in a dict": ("SG110", "SETTINGS = ", """
from tiny_models import llama, tokenizer
model, tok = llama(), tokenizer()
SETTINGS = {"max_new_tokens": 4, "do_sample": False, "num_return_sequences": 3}
batch = tok("the fox", return_tensors="pt", return_token_type_ids=False)
model.generate(**batch, **SETTINGS)
"""),
    "scores normalised over the batch": ("SG509", "weights = ", """
import torch
from torch import nn
states = torch.randn(4, 6, 8)
energy = nn.Linear(8, 1)(torch.tanh(states)).squeeze(-1)
weights = torch.softmax(energy, dim=0)
mixed = torch.bmm(weights.unsqueeze(1), states)
"""),
    "images of two sizes": ("SG602", "loader = DataLoader(", """
import torch
from torch.utils.data import DataLoader
loader = DataLoader([torch.rand(3, 8, 8), torch.rand(3, 8, 9)], batch_size=2)
for images in loader: pass
"""),
}  # fmt: skip


@pytest.mark.parametrize("name", _CASES)
def test_the_first_finding_points_at_the_cause(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, line, text = _CASES[name]
    first = _first_finding(text, tmp_path, monkeypatch)
    assert first.code == code
    assert first.location is not None
    assert first.location.source.startswith(line)


def _first_finding(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Finding:
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "healthy"))
    script = folder / "program.py"
    script.write_text(text)
    guard = shapeguard.guard()
    try:
        with guard:
            exec(compile(text, str(script), "exec"), {"__name__": "__main__"})
    except Exception:
        assert guard.report.outcome == "crashed"
    assert guard.report.findings
    return guard.report.findings[0]

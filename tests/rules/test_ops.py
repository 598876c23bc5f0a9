"""One wrong call of each op and layer in which people fail: the first finding has the code that the shapes ask for."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import shapeguard

_HEAD = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

r = torch.randn


def wrong():
"""
_CALLS = """
SG501  nn.Linear(10, 5)(r(4, 12))
SG501  nn.Linear(10, 5)(r(10, 4))
SG501  nn.Bilinear(4, 5, 3)(r(2, 4), r(2, 6))
SG501  torch.mv(r(3, 4), r(5))
SG501  torch.dot(r(3), r(4))
SG501  torch.addmm(r(3), r(4, 5), r(6, 3))
SG501  torch.linalg.multi_dot([r(3, 4), r(5, 6)])
SG501  torch.tensordot(r(3, 4), r(5, 6), dims=1)
SG501  torch.sparse.mm(torch.eye(4).to_sparse(), r(5, 2))
SG506  torch.mm(r(2, 3, 4), r(4, 5))
SG506  torch.bmm(r(3, 4), r(4, 5))
SG502  torch.bmm(r(2, 3, 4), r(3, 4, 5))
SG501  torch.linalg.solve(r(3, 3), r(4, 2))
SG502  torch.where(r(3, 4) > 0, r(3, 5), r(3, 4))
SG502  torch.lerp(r(3, 4), r(3, 5), 0.5)
SG502  torch.addcmul(r(3), r(3), r(4))
SG502  torch.maximum(r(3, 4), r(4, 3))
SG502  r(3) == r(4)
SG502  r(3).add_(r(4))
SG502  torch.atan2(r(3), r(4))
SG502  torch.linalg.cross(r(2, 3), r(4, 3))
SG502  torch.cdist(r(3, 4), r(5, 6))
SG601  F.cosine_similarity(r(3, 4), r(3, 5))
SG601  F.pairwise_distance(r(3, 4), r(5, 4))
SG503  r(3, 4).view(5, 2)
SG503  r(3, 4).view(-1, 5)
SG503  r(3, 10).unflatten(1, (3, 4))
SG503  r(3, 4, 5).transpose(1, 2).view(3, 20)
SG506  r(3, 4).permute(0, 2, 1)
SG506  r(3).transpose(0, 1)
SG506  r(3, 4).sum(2)
SG502  r(3, 4).expand(3, 5)
SG506  r(2, 3, 4).expand(3, 4)
SG506  r(2, 3).repeat(2)
SG502  r(3).repeat_interleave(torch.tensor([1, 2]))
SG503  torch.split(r(10), [3, 3])
SG506  a, b, c = torch.chunk(r(4), 4)
SG204  torch.cat([r(2, 3), r(3)])
SG201  torch.stack([r(2), r(3)])
SG202  torch.vstack([r(2, 3), r(1, 4)])
SG202  torch.hstack([r(2, 3), r(3, 3)])
SG504  i = torch.tensor([0, 3]); r(3, 4)[i]
SG504  r(3)[5]
SG506  r(3)[0, 1]
SG502  r(3, 4).__setitem__(0, r(5))
SG502  m = torch.tensor([True, False, True]); z = r(3); z[m] = r(3)
SG504  i = torch.tensor([[4], [0], [1]]); torch.gather(r(3, 4), 1, i)
SG507  torch.gather(r(3, 4), 1, torch.zeros(5, 2, dtype=torch.long))
SG506  torch.gather(r(3, 4), 1, torch.zeros(3, dtype=torch.long))
SG504  i = torch.tensor([[4]]); z = torch.zeros(3, 4); z.scatter_(1, i, 1.0)
SG506  torch.zeros(3, 4).scatter_(1, torch.tensor([1, 2, 3]), 1.0)
SG504  i = torch.tensor([0, 5]); F.one_hot(i, 3)
SG504  i = torch.tensor([3]); torch.index_select(r(3, 4), 0, i)
SG502  i = torch.tensor([0, 1]); z = torch.zeros(3, 4); z.index_add_(0, i, r(3, 4))
SG504  i = torch.tensor([12]); torch.take(r(3, 4), i)
SG504  r(5).narrow(0, 3, 4)
SG504  nn.Embedding(5, 3)(torch.tensor([5]))
SG504  nn.Embedding(5, 3)(torch.tensor([-1]))
SG504  i = torch.tensor([5]); o = torch.tensor([0]); nn.EmbeddingBag(5, 3)(i, o)
SG505  nn.Conv2d(3, 4, 3)(r(1, 4, 8, 8))
SG506  nn.Conv2d(3, 4, 3)(r(3, 8))
SG505  nn.Conv2d(3, 4, 5)(r(1, 3, 3, 3))
SG505  nn.ConvTranspose2d(3, 4, 3)(r(1, 4, 8, 8))
SG505  nn.Conv1d(4, 4, 3, groups=2)(r(1, 6, 8))
SG505  nn.BatchNorm2d(4)(r(2, 3, 5, 5))
SG506  nn.BatchNorm2d(4)(r(2, 4))
SG505  nn.BatchNorm1d(4)(r(1, 4))
SG505  nn.InstanceNorm2d(4, affine=True)(r(2, 3, 5, 5))
SG505  nn.GroupNorm(2, 4)(r(2, 6, 5))
SG505  nn.LayerNorm(4)(r(2, 5))
SG505  nn.LayerNorm((3, 4))(r(2, 4))
SG505  nn.RMSNorm(4)(r(2, 5))
SG505  nn.PReLU(4)(r(2, 3))
SG505  nn.MaxPool2d(4)(r(1, 3, 2, 2))
SG506  nn.MaxPool2d(2)(r(4))
SG506  nn.AdaptiveAvgPool2d(1)(r(4))
SG506  F.interpolate(r(3, 4, 4), size=(8, 8), mode='bilinear')
SG506  nn.Upsample(scale_factor=2, mode='bilinear')(r(1, 3, 4))
SG506  torch.bincount(torch.zeros(2, 2, dtype=torch.long))
SG501  nn.Linear(6, 2)(r(4, 8, 3, 3).amax((2, 3)))
SG505  F.pixel_shuffle(r(1, 3, 4, 4), 2)
SG506  F.pad(r(2, 3), (1, 1, 1, 1, 1, 1))
SG505  F.pad(r(1, 2, 3), (4, 4), mode='reflect')
SG502  F.grid_sample(r(2, 3, 4, 4), r(1, 4, 4, 2))
SG501  nn.LSTM(4, 5)(r(3, 2, 6))
SG507  g = nn.GRU(4, 5, 2); x = r(3, 2, 4); h = r(1, 2, 5); g(x, h)
SG506  nn.LSTM(4, 5)(r(3, 2, 4, 1))
SG506  nn.GRU(4, 5)(r(3, 2, 4), r(1, 5))
SG501  nn.LSTMCell(4, 5)(r(2, 6))
SG507  nn.GRUCell(4, 5)(r(2, 4), r(3, 5))
SG404  nn.MultiheadAttention(10, 3)
SG501  nn.MultiheadAttention(8, 2)(r(3, 2, 6), r(3, 2, 6), r(3, 2, 6))
SG401  nn.MultiheadAttention(8, 2)(r(3, 2, 8), r(3, 2, 8), r(3, 2, 8), attn_mask=torch.zeros(2, 3))
SG401  nn.MultiheadAttention(8, 2, batch_first=True)(r(3, 4, 8), r(3, 4, 8), r(3, 4, 8), key_padding_mask=torch.zeros(3, 5, dtype=torch.bool))
SG502  nn.MultiheadAttention(8, 2)(r(3, 2, 8), r(4, 3, 8), r(4, 3, 8))
SG501  nn.TransformerEncoderLayer(8, 2)(r(3, 2, 6))
SG502  nn.TransformerDecoderLayer(8, 2)(r(3, 2, 8), r(4, 3, 8))
SG501  F.scaled_dot_product_attention(r(1, 2, 3, 8), r(1, 2, 3, 6), r(1, 2, 3, 6))
SG402  F.scaled_dot_product_attention(r(1, 4, 3, 8), r(1, 2, 3, 8), r(1, 2, 3, 8))
SG401  F.scaled_dot_product_attention(r(1, 2, 3, 8), r(1, 2, 3, 8), r(1, 2, 3, 8), attn_mask=torch.zeros(3, 4))
SG504  F.cross_entropy(r(3, 4), torch.tensor([0, 4, 1]))
SG601  F.cross_entropy(r(3, 5, 4), torch.zeros(3, 5, dtype=torch.long))
SG601  F.cross_entropy(r(3, 1, 4), torch.zeros(3, dtype=torch.long))
SG601  F.cross_entropy(r(3, 4), torch.zeros(3, dtype=torch.long), weight=torch.ones(3))
SG601  F.cross_entropy(r(3, 4), torch.zeros(3, 1, dtype=torch.long))
SG601  F.nll_loss(r(3), torch.zeros(3, dtype=torch.long))
SG601  F.binary_cross_entropy(torch.rand(3, 1), torch.rand(3))
SG601  F.binary_cross_entropy_with_logits(r(3, 1), torch.rand(3))
SG601  F.mse_loss(r(3, 4), r(3, 5))
SG601  F.l1_loss(r(3, 4), r(2, 4))
SG601  F.smooth_l1_loss(r(3, 4), r(2, 4))
SG601  F.kl_div(r(3, 4), r(3, 5))
SG601  F.hinge_embedding_loss(r(3), r(4))
SG601  F.triplet_margin_loss(r(3, 4), r(3, 4), r(2, 4))
SG601  F.margin_ranking_loss(r(3), r(4), torch.ones(3))
SG601  F.multilabel_margin_loss(r(3, 4), torch.zeros(3, 5, dtype=torch.long))
SG601  F.gaussian_nll_loss(r(3, 4), r(3, 4), torch.ones(3, 3))
SG601  F.multi_margin_loss(r(3, 4), torch.tensor([0, 1]))
SG601  F.multilabel_soft_margin_loss(r(3, 4), torch.ones(3, 5))
SG601  F.gaussian_nll_loss(r(3, 4), r(3, 5), torch.rand(3, 4))
SG601  F.ctc_loss(r(10, 2, 5).log_softmax(2), torch.ones(2, 4, dtype=torch.long), torch.tensor([10, 10, 10]), torch.tensor([4, 4]))
SG504  il = torch.tensor([12, 10]); F.ctc_loss(r(10, 2, 5).log_softmax(2), torch.ones(2, 4, dtype=torch.long), il, torch.tensor([4, 4]))
SG601  TensorDataset(r(3, 2), r(4))
SG602  next(iter(DataLoader([r(3), r(4)], batch_size=2)))
SG602  next(iter(DataLoader([{'x': r(3)}, {'x': r(2)}], batch_size=2)))
SG602  next(iter(DataLoader([[1, 2], [1, 2, 3]], batch_size=2)))
SG105  torch.tensor([[1, 2], [3]])
SG105  torch.tensor([[[1, 2]], [[3]]])
SG105  torch.stack([torch.tensor([1, 2]), torch.tensor([1])])
SG603  nn.Linear(3, 4).load_state_dict(nn.Linear(3, 5).state_dict())
SG502  torch.fft.rfft(r(8)) * r(8)
SG505  torch.stft(r(3), n_fft=16, return_complex=True, window=torch.hann_window(16))
SG505  torch.stft(r(100), n_fft=16, return_complex=True, window=torch.hann_window(32))
SG502  torch.distributions.Normal(r(3), torch.rand(4))
SG502  torch.distributions.Normal(torch.zeros(3), torch.ones(3), validate_args=True).log_prob(r(4))
SG504  d = torch.distributions.Categorical(logits=r(3, 4)); a = torch.tensor([0, 1, 4]); d.log_prob(a)
SG504  torch.multinomial(torch.ones(3), 5)
SG504  torch.topk(r(3), 5)
SG504  torch.kthvalue(r(3), 5)
SG506  r(3).item()
SG506  bool(r(3) > 0)
SG502  r(3, 4) * nn.Parameter(torch.ones(5))
SG503  m = torch.ones(3, 4, dtype=torch.bool); r(3, 4).masked_scatter(m, r(5))
SG506  r(3).mT
SG503  r(6).reshape(4, 2)
SG502  torch.baddbmm(r(2, 3, 5), r(2, 3, 4), r(2, 4, 6))
SG502  torch.einsum('bij,bjk->bik', r(2, 3, 4), r(3, 4, 5))
SG501  torch.einsum('ij,jk->ik', r(3, 4), r(5, 6))
SG506  torch.einsum('ij,jk->ik', r(3, 4), r(4))
SG506  r(2, 3).softmax(2)
"""


def _table() -> list[tuple[str, str]]:
    rows = (line.partition("  ") for line in _CALLS.strip().splitlines())
    return [(code, call) for code, _, call in rows]


@pytest.mark.parametrize(("code", "call"), _table(), ids=lambda value: value[:40])
def test_a_wrong_call_has_its_code(code: str, call: str, tmp_path: Path) -> None:
    # In a file of its own: without the text of a failing line nothing is known of its operands.
    script = tmp_path / "wrong_call.py"
    script.write_text(_HEAD + "    " + call.replace("; ", "\n    ") + "\n")
    spec = importlib.util.spec_from_file_location("wrong_call", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(Exception), shapeguard.guard() as guard:  # noqa: B017, PT011 - whatever torch raises
        module.wrong()
    assert [finding.code for finding in guard.report.findings][:1] == [code]

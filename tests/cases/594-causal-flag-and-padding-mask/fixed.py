import torch
import torch.nn.functional as F
from torch import nn


class Config:
    vocab_size = 64
    dim = 32
    n_heads = 4
    n_layers = 2
    dropout = 0.1


class Attention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.heads, self.head_dim = cfg.n_heads, cfg.dim // cfg.n_heads
        self.wqkv = nn.Linear(cfg.dim, 3 * cfg.dim, bias=False)
        self.wo = nn.Linear(cfg.dim, cfg.dim, bias=False)
        self.dropout = cfg.dropout

    def forward(self, x, attention_mask=None):
        bsz, seq_len, _ = x.shape
        xq, xk, xv = (t.view(bsz, seq_len, self.heads, self.head_dim).transpose(1, 2)
                      for t in self.wqkv(x).chunk(3, dim=-1))
        attn_mask = None
        if attention_mask is not None:
            attn_mask = attention_mask.view(bsz, 1, 1, -1).expand(bsz, self.heads, seq_len, -1).bool().tril()
        out = F.scaled_dot_product_attention(
            xq, xk, xv, attn_mask=attn_mask, dropout_p=self.dropout if self.training else 0.0, is_causal=attn_mask is None)
        return self.wo(out.transpose(1, 2).reshape(bsz, seq_len, -1))


class MiniLM(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.embed = nn.Embedding(cfg.vocab_size, cfg.dim)
        self.layers = nn.ModuleList(Attention(cfg) for _ in range(cfg.n_layers))
        self.norms = nn.ModuleList(nn.LayerNorm(cfg.dim) for _ in range(cfg.n_layers))
        self.head = nn.Linear(cfg.dim, cfg.vocab_size, bias=False)

    def forward(self, input_ids, attention_mask=None):
        h = self.embed(input_ids)
        for layer, norm in zip(self.layers, self.norms):
            h = h + layer(norm(h), attention_mask)
        return self.head(h)


def pretrain_batches(n):
    for _ in range(n):
        yield torch.randint(1, 64, (4, 17)), None


def sft_batches(n):
    for i in range(n):
        rows = [torch.randint(1, 64, (8 + 3 * k + i,)) for k in range(4)]
        ids = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        yield ids, (ids != 0).long()


def train(model, batches, stage):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step, (ids, mask) in enumerate(batches):
        logits = model(ids[:, :-1], None if mask is None else mask[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(stage, step, "loss", round(loss.item(), 3))


torch.manual_seed(0)
net = MiniLM(Config)
train(net, pretrain_batches(3), "pretrain")
train(net, sft_batches(2), "sft")

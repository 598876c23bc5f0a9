"""Train a conditional SMILES GPT, save it and sample molecules from the saved weights."""
import argparse
import os
import tempfile

import torch
import torch.nn as nn
import torch.nn.functional as F

SMILES = ["CCO", "CCN(C)C", "c1ccccc1", "CC(=O)O", "CCOC(=O)C", "c1ccncc1", "CC(C)O", "NCCO"]
CHARS = sorted(set("".join(SMILES)) | {"<"})
STOI = {c: i for i, c in enumerate(CHARS)}


class CausalSelfAttention(nn.Module):
    def __init__(self, args, scaffold_maxlen):
        super().__init__()
        self.n_head = args.n_head
        self.qkv, self.proj = nn.Linear(args.n_embd, 3 * args.n_embd), nn.Linear(args.n_embd, args.n_embd)
        size = args.block_size + int(bool(args.props)) + scaffold_maxlen
        self.register_buffer("mask", torch.tril(torch.ones(size, size)).view(1, 1, size, size))

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = [p.view(b, t, self.n_head, -1).transpose(1, 2) for p in self.qkv(x).chunk(3, -1)]
        att = (q @ k.transpose(-2, -1)) / q.size(-1) ** 0.5
        att = att.masked_fill(self.mask[:, :, :t, :t] == 0, float("-inf")).softmax(-1)
        return self.proj((att @ v).transpose(1, 2).reshape(b, t, c))


class GPT(nn.Module):
    def __init__(self, args, scaffold_maxlen):
        super().__init__()
        self.tok_emb = nn.Embedding(len(CHARS), args.n_embd)
        self.pos_emb = nn.Parameter(torch.zeros(1, args.block_size, args.n_embd))
        self.prop_nn = nn.Linear(len(args.props), args.n_embd)
        self.attn = nn.ModuleList(CausalSelfAttention(args, scaffold_maxlen) for _ in range(args.n_layer))
        self.head = nn.Linear(args.n_embd, len(CHARS))

    def forward(self, idx, prop):
        x = self.tok_emb(idx) + self.pos_emb[:, :idx.size(1)]
        x = torch.cat([self.prop_nn(prop).unsqueeze(1), x], dim=1)
        for attn in self.attn:
            x = x + attn(x)
        return self.head(x)[:, 1:]


def train(args, path):
    scaffold_maxlen = 12 if args.scaffold else 0
    model = GPT(args, scaffold_maxlen)
    optim = torch.optim.AdamW(model.parameters(), lr=1e-2)
    idx = torch.tensor([[STOI[c] for c in s.ljust(args.block_size + 1, "<")] for s in SMILES])
    prop = torch.stack([(idx != STOI["<"]).float().mean(1), (idx == STOI["O"]).float().sum(1)], dim=1)
    for _ in range(60):
        loss = F.cross_entropy(model(idx[:, :-1], prop).flatten(0, 1), idx[:, 1:].flatten())
        optim.zero_grad(), loss.backward(), optim.step()
    torch.save(model.state_dict(), path)


def generate(args, path):
    scaffold_maxlen = {"moses2": 48, "guacamol2": 98}.get(args.data_name, 0) if args.scaffold else 0
    model = GPT(args, scaffold_maxlen)
    model.load_state_dict(torch.load(path))
    idx, prop = torch.tensor([[STOI["C"]], [STOI["c"]]]), torch.tensor([[0.4, 1.0], [0.6, 0.0]])
    while idx.size(1) < args.block_size:
        idx = torch.cat([idx, model(idx, prop)[:, -1:].argmax(-1)], dim=1)
    print(["".join(CHARS[i] for i in row).rstrip("<") for row in idx.tolist()])


args = argparse.Namespace(data_name="guacamol2", props=["size", "oxygens"], scaffold=False,
                          block_size=10, n_layer=2, n_head=4, n_embd=32)
torch.manual_seed(0)
with tempfile.TemporaryDirectory() as folder:
    train(args, os.path.join(folder, "guacamol.pt"))
    generate(args, os.path.join(folder, "guacamol.pt"))

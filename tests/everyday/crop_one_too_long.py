import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(1337)
torch.set_num_threads(1)
text = "to be or not to be that is the question " * 20
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text])


class CharGPT(nn.Module):
    def __init__(self, vocab, dim=32, block=16):
        super().__init__()
        self.block = block
        self.tok = nn.Embedding(vocab, dim)
        self.pos = nn.Embedding(block, dim)
        self.layer = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.0, batch_first=True)
        self.head = nn.Linear(dim, vocab)

    def forward(self, idx):
        t = idx.size(1)
        x = self.tok(idx) + self.pos(torch.arange(t))
        mask = nn.Transformer.generate_square_subsequent_mask(t)
        return self.head(self.layer(x, src_mask=mask, is_causal=True))


def get_batch(n, block):
    starts = torch.randint(len(data) - block - 1, (n,)).tolist()
    xs = torch.stack([data[s : s + block] for s in starts])
    ys = torch.stack([data[s + 1 : s + block + 1] for s in starts])
    return xs, ys


@torch.no_grad()
def generate(model, idx, steps):
    for _ in range(steps):
        window = idx[:, -(model.block + 1) :]
        probs = model(window)[:, -1].softmax(-1)
        idx = torch.cat([idx, torch.multinomial(probs, 1)], dim=1)
    return idx


model = CharGPT(len(chars))
opt = torch.optim.AdamW(model.parameters(), 3e-3)
for it in range(20):
    x, y = get_batch(8, model.block)
    loss = F.cross_entropy(model(x).transpose(1, 2), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
print("loss", loss.item())
print("".join(chars[i] for i in generate(model, data[:5][None], 40)[0].tolist()))

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

WORDS = "one two three four five six seven eight nine ten hundred thousand and .".split()


def number_stream(n, seed=3):
    gen = torch.Generator().manual_seed(seed)
    return torch.randint(0, len(WORDS), (n,), generator=gen)


def make_pairs(tokens, sl):
    return [(tokens[i:i + sl], tokens[i + 1:i + sl + 1]) for i in range(0, len(tokens) - sl - 1, sl)]


def group_chunks(pairs, bs):
    """Row k of every batch goes on where row k of the batch before it stopped."""
    m = len(pairs) // bs
    order = [pairs[i + m * j] for i in range(m) for j in range(bs)]
    return order + pairs[m * bs:]


class LanguageModel(nn.Module):
    def __init__(self, vocab_sz, n_hidden):
        super().__init__()
        self.i_h = nn.Embedding(vocab_sz, n_hidden)
        self.h_h = nn.Linear(n_hidden, n_hidden)
        self.h_o = nn.Linear(n_hidden, vocab_sz)
        self.h = 0

    def forward(self, x):
        outs = []
        for i in range(x.size(1)):
            self.h = self.h + self.i_h(x[:, i])
            self.h = F.relu(self.h_h(self.h))
            outs.append(self.h_o(self.h))
        self.h = self.h.detach()
        return torch.stack(outs, dim=1)

    def reset(self):
        self.h = 0


class Learner:
    def __init__(self, loader, model, lr):
        self.loader, self.model = loader, model
        self.opt = torch.optim.Adam(model.parameters(), lr=lr)

    def one_batch(self, x, y):
        out = self.model(x)
        loss = F.cross_entropy(out.flatten(0, 1), y.flatten())
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        return loss.item()

    def fit(self, epochs):
        for epoch in range(epochs):
            self.model.reset()
            losses = [self.one_batch(x, y) for x, y in self.loader]
            print(f"epoch {epoch} train_loss {sum(losses) / len(losses):.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    bs, sl = 16, 8
    pairs = make_pairs(number_stream(700), sl)
    print("pairs", len(pairs))
    loader = DataLoader(group_chunks(pairs, bs), batch_size=bs, shuffle=False, drop_last=True)
    Learner(loader, LanguageModel(len(WORDS), 32), lr=1e-2).fit(2)

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

TEXT = "the quick brown fox jumps over the lazy dog while the slow red hen sleeps in the barn . " * 12
CHARS = sorted(set(TEXT))


class Windows(Dataset):
    def __init__(self, text, length):
        ids = torch.tensor([CHARS.index(c) for c in text])
        usable = (len(ids) - 1) // length * length
        self.x = ids[:usable].view(-1, length)
        self.y = ids[1 : usable + 1].view(-1, length)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class CharLM(nn.Module):
    def __init__(self, vocab, width=32):
        super().__init__()
        self.emb = nn.Embedding(vocab, width)
        self.rnn = nn.LSTM(width, width, num_layers=2, batch_first=True)
        self.out = nn.Linear(width, vocab)

    def forward(self, x, state=None):
        h, state = self.rnn(self.emb(x), state)
        return self.out(h), state


def train_epoch(model, loader, opt):
    state = None
    losses = []
    for x, y in loader:
        if state is not None:
            state = tuple(s.detach() for s in state)
        logits, state = model(x, state)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


torch.manual_seed(0)
windows = Windows(TEXT, 20)
model = CharLM(len(CHARS))
loader = DataLoader(windows, batch_size=16)
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(2):
    print(epoch, train_epoch(model, loader, opt))

import torch
from torch import nn


class LM(nn.Module):
    def __init__(self, vocab=40, dim=32, length=64):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.pos = nn.Embedding(length, dim)
        layer = nn.TransformerEncoderLayer(dim, 4, 64, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(dim, vocab)

    def forward(self, ids):
        h = self.embed(ids) + self.pos(torch.arange(ids.size(1)))
        return self.head(self.encoder(h))


torch.manual_seed(0)
model = LM()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
data = torch.randint(0, 40, (16, 21))
for step in range(5):
    x, y = data[:, :-1], data[:, 1:]
    loss = nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(step, loss.item())

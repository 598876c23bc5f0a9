import torch
from torch import nn

VOCAB = 15
torch.manual_seed(29)


class Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, 24)
        self.rnn = nn.GRU(24, 48, batch_first=True)
        self.fc = nn.Linear(48, VOCAB)

    def forward(self, x):
        return self.fc(self.rnn(self.emb(x))[0])


model = Seq()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for _step in range(60):
    src = torch.randint(0, VOCAB, (20, 9))
    tgt = src.roll(1, dims=1)
    logits = model(src)
    loss = nn.functional.cross_entropy(logits.reshape(-1, VOCAB), tgt.t().reshape(-1))
    opt.zero_grad()
    loss.backward()
    opt.step()
print(f"copy loss {loss.item():.4f}")

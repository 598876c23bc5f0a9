import torch
from torch import nn


class CharLM(nn.Module):
    def __init__(self, vocab=28, dim=32, ctx=16):
        super().__init__()
        self.tok = nn.Embedding(vocab, dim)
        self.pos = nn.Parameter(torch.zeros(ctx, dim))
        self.att = nn.MultiheadAttention(dim, 4, batch_first=True)
        self.out = nn.Linear(dim, vocab)

    def forward(self, ids):
        t = ids.size(1)
        h = self.tok(ids) + self.pos[:t]
        mask = torch.ones(t, t, dtype=torch.bool).triu(1)
        a, _ = self.att(h, h, h, attn_mask=mask, need_weights=False)
        return self.out(h + a)


torch.manual_seed(11)
model = CharLM()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for _step in range(80):
    text = (torch.randint(0, 28, (32, 1)) + torch.randint(0, 3, (32, 17)).cumsum(dim=1)) % 28
    logits = model(text[:, :-1])
    loss = nn.functional.cross_entropy(logits.transpose(1, 2), text[:, 1:])
    opt.zero_grad()
    loss.backward()
    opt.step()
print(f"loss {loss.item():.4f}")

import torch
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(0)
torch.set_num_threads(1)
MAX_LEN = 16


def pad(row, size=MAX_LEN):
    row = row[:size]
    return torch.cat([row, row.new_zeros(size - len(row))])


def collate(batch):
    rows, labels = zip(*batch)
    ids = torch.stack([pad(r) for r in rows])
    return ids, ids.ne(0).sum(1), torch.tensor(labels)


class LastStepGRU(nn.Module):
    def __init__(self, vocab=300, dim=24, classes=3):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim, padding_idx=0)
        self.gru = nn.GRU(dim, dim, num_layers=2, batch_first=True)
        self.fc = nn.Linear(dim, classes)

    def pick(self, out, lengths):
        index = lengths.view(-1, 1, 1).expand(-1, 1, out.size(2))
        return out.gather(1, index).squeeze(1)

    def forward(self, ids, lengths):
        out, _ = self.gru(self.emb(ids))
        return self.fc(self.pick(out, lengths))


sizes = torch.randint(3, 14, (40,)).tolist() + [9, 21, 6, 4, 11, 16, 3, 7]
tickets = [(torch.randint(1, 300, (n,)), n % 3) for n in sizes]
model = LastStepGRU()
opt = torch.optim.Adam(model.parameters(), 1e-3)
for step, (ids, lengths, y) in enumerate(DataLoader(tickets, batch_size=8, collate_fn=collate)):
    loss = nn.functional.cross_entropy(model(ids, lengths), y)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    print(step, f"{loss.item():.4f}")

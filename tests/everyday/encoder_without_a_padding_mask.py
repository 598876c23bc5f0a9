import torch
from torch import nn
from torch.utils.data import DataLoader

PAD = 0


class Router(nn.Module):
    def __init__(self, vocab=80, dim=32):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim, padding_idx=PAD)
        layer = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.fc = nn.Linear(dim, 3)

    def forward(self, ids):
        h = self.encoder(self.emb(ids))
        return self.fc(h[:, 0])


def collate(rows):
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)


torch.manual_seed(16)
tickets = [torch.randint(1, 80, (n,)) for n in (3, 14, 6, 2, 9, 20)]
model = Router().eval()
scores = []
with torch.no_grad():
    for batch in DataLoader(tickets, batch_size=3, collate_fn=collate):
        scores.append(model(batch).softmax(-1)[:, 0])
print("first ticket", round(scores[0][0].item(), 5), "all", round(torch.cat(scores).sum().item(), 5))

import torch
from torch import nn

PAD = 0


class Router(nn.Module):
    def __init__(self, vocab=80, dim=32):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim, padding_idx=PAD)
        layer = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.fc = nn.Linear(dim, 3)

    def forward(self, ids):
        h = self.encoder(self.emb(ids), src_key_padding_mask=ids.eq(PAD))
        return self.fc(h[:, 0])


torch.manual_seed(10)
tickets = [torch.randint(1, 80, (n,)) for n in (3, 14, 6, 2, 9, 20)]
model = Router().eval()
with torch.no_grad():
    ids = nn.utils.rnn.pad_sequence(tickets, batch_first=True, padding_value=PAD)
    scores = model(ids).softmax(-1)[:, 0]
print("first ticket", round(scores[0].item(), 5), "all", round(scores.sum().item(), 5))

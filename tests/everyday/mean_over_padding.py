import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence


class Encoder(nn.Module):
    def __init__(self, vocab=50, dim=32):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim, padding_idx=0)
        layer = nn.TransformerEncoderLayer(dim, 4, 64, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(dim, 3)

    def forward(self, ids):
        mask = ids == 0
        h = self.encoder(self.embed(ids), src_key_padding_mask=mask)
        return self.out(h.mean(dim=1))


torch.manual_seed(0)
texts = [torch.randint(1, 50, (n,)) for n in (3, 7, 5)]
ids = pad_sequence(texts, batch_first=True, padding_value=0)
model = Encoder().eval()
print(model(ids))

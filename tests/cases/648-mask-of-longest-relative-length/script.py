"""Transformer speech classifier; batches are padded up to a bucket width so that few different shapes occur."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

BUCKET = 16


class Utterances(Dataset):
    def __init__(self, count, n_mels=20, classes=5):
        gen = torch.Generator().manual_seed(2)
        self.items = []
        for _ in range(count):
            frames = int(torch.randint(33, 64, (1,), generator=gen))
            label = int(torch.randint(classes, (1,), generator=gen))
            feats = torch.randn(frames, n_mels, generator=gen)
            feats[:, label * 4:label * 4 + 4] += 1.0
            self.items.append((feats, label))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    lengths = torch.tensor([len(feats) for feats, _ in batch])
    width = -(-int(lengths.max()) // BUCKET) * BUCKET
    feats = torch.zeros(len(batch), width, batch[0][0].size(1))
    for row, (x, _) in zip(feats, batch):
        row[:len(x)] = x
    return feats, lengths / width, torch.tensor([label for _, label in batch])


def length_to_mask(length, max_len=None):
    if max_len is None:
        max_len = int(length.max())
    return torch.arange(max_len).expand(len(length), max_len) < length.unsqueeze(1)


class TransformerASR(nn.Module):
    def __init__(self, n_mels=20, width=32, classes=5):
        super().__init__()
        self.frontend = nn.Conv1d(n_mels, width, 3, stride=2, padding=1)
        layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, classes)

    def make_masks(self, src, wav_len):
        abs_len = torch.round(wav_len * src.shape[1]).long()
        return ~length_to_mask(abs_len)

    def forward(self, feats, wav_len):
        src = self.frontend(feats.transpose(1, 2)).transpose(1, 2)
        padding = self.make_masks(src, wav_len)
        encoded = self.encoder(src, src_key_padding_mask=padding)
        keep = (~padding).unsqueeze(-1)
        return self.head((encoded * keep).sum(1) / keep.sum(1))


def train(model, loader, epochs=4):
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(epochs):
        right = seen = 0
        for feats, wav_len, labels in loader:
            logits = model(feats, wav_len)
            loss = nn.functional.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            right += (logits.argmax(-1) == labels).sum().item()
            seen += len(labels)
        print(f"epoch {epoch}: accuracy {right / seen:.2f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(TransformerASR(), DataLoader(Utterances(40), batch_size=8, collate_fn=collate))

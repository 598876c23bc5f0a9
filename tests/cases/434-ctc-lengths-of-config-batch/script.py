from types import SimpleNamespace as NS

import torch
import torch.nn as nn

config = NS(
    MODEL=NS(IMAGE_H=16, HIDDEN=24, ALPHABET="0123456789-/."),
    TRAIN=NS(BATCH_SIZE=8, LR=2e-3),
    DATASET=NS(SAMPLES=28),
)


class StrLabelConverter:
    def __init__(self, alphabet):
        self.index = {c: i + 1 for i, c in enumerate(alphabet)}

    def encode(self, texts):
        return torch.tensor([self.index[c] for c in "".join(texts)]), torch.tensor([len(t) for t in texts])


class CRNN(nn.Module):
    def __init__(self, img_h, hidden, n_class):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d((img_h // 2, 1)),
        )
        self.rnn = nn.LSTM(16, hidden, bidirectional=True)
        self.embedding = nn.Linear(2 * hidden, n_class)

    def forward(self, images):
        conv = self.cnn(images).squeeze(2).permute(2, 0, 1)
        out, _ = self.rnn(conv)
        return self.embedding(out).log_softmax(2)


class Plates(torch.utils.data.Dataset):
    def __init__(self, cfg):
        gen = torch.Generator().manual_seed(2)
        self.texts = ["".join(cfg.MODEL.ALPHABET[j] for j in torch.randint(0, 13, (4 + i % 3,), generator=gen))
                      for i in range(cfg.DATASET.SAMPLES)]
        self.images = torch.rand(cfg.DATASET.SAMPLES, 1, cfg.MODEL.IMAGE_H, 48, generator=gen)

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, i):
        return self.images[i], self.texts[i]


class Trainer:
    def __init__(self, cfg):
        self.cfg = cfg
        self.converter = StrLabelConverter(cfg.MODEL.ALPHABET)
        self.model = CRNN(cfg.MODEL.IMAGE_H, cfg.MODEL.HIDDEN, len(cfg.MODEL.ALPHABET) + 1)
        self.criterion = nn.CTCLoss(zero_infinity=True)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=cfg.TRAIN.LR)

    def compute_loss(self, images, texts):
        text, length = self.converter.encode(texts)
        preds = self.model(images)
        preds_size = torch.full((self.cfg.TRAIN.BATCH_SIZE,), preds.size(0), dtype=torch.long)
        return self.criterion(preds, text, preds_size, length)

    def train(self, loader):
        for i, (images, texts) in enumerate(loader):
            loss = self.compute_loss(images, texts)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            print(f"[{i + 1}/{len(loader)}] loss {loss.item():.4f}")


torch.manual_seed(0)
Trainer(config).train(torch.utils.data.DataLoader(Plates(config), batch_size=config.TRAIN.BATCH_SIZE, shuffle=True))

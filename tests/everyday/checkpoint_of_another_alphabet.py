"""Fine-tune an English character recogniser on Spanish lines."""

import io
import string

import torch
from torch import nn

ASCII = string.ascii_lowercase + " "
ALPHABETS = {"en": ASCII, "es": ASCII + "ñáéíóú"}


class Recogniser(nn.Module):
    def __init__(self, height, symbols, width=24):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.rnn = nn.LSTM(8 * (height // 2), width, bidirectional=True, batch_first=True)
        self.classify = nn.Linear(2 * width, symbols + 1)

    def forward(self, x):
        f = self.features(x).permute(0, 3, 1, 2).flatten(2)
        return self.classify(self.rnn(f)[0]).log_softmax(-1)


def make(lang, height=16):
    return Recogniser(height, symbols=len(ALPHABETS[lang]))


def pretrain(lang):
    model = make(lang)
    buffer = io.BytesIO()
    torch.save({"lang": lang, "model": model.state_dict()}, buffer)
    buffer.seek(0)
    return buffer


def finetune(checkpoint, lang, lines):
    saved = torch.load(checkpoint)
    net = make(lang)
    net.load_state_dict(saved["model"])
    for p in net.features.parameters():
        p.requires_grad_(False)
    opt = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=1e-3)
    for images, texts in lines:
        logp = net(images).transpose(0, 1)
        widths = torch.full((len(images),), logp.size(0))
        loss = nn.functional.ctc_loss(logp, texts, widths, torch.full_like(widths, texts.size(1)))
        opt.zero_grad()
        loss.backward()
        opt.step()
    return loss.item()


def fake_lines(lang, n=3):
    for _ in range(n):
        yield torch.rand(4, 1, 16, 40), torch.randint(1, len(ALPHABETS[lang]) + 1, (4, 6))


torch.manual_seed(0)
print("ctc", finetune(pretrain("en"), "es", fake_lines("es")))

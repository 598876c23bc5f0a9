import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)
ALPHABET = "_abcdefghijklmnopqrstuvwxyz "


def encode(words):
    lens = torch.tensor([len(w) for w in words])
    flat = torch.tensor([ALPHABET.index(c) for w in words for c in w])
    return flat, lens


class DeepSpeechish(nn.Module):
    def __init__(self, mels=20, classes=len(ALPHABET)):
        super().__init__()
        self.conv = nn.Conv1d(mels, 32, 5, stride=2, padding=2)
        self.rnn = nn.GRU(32, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, classes)

    def out_len(self, n):
        return (n - 1) // 2 + 1

    def forward(self, mel):
        x = self.conv(mel).relu().transpose(1, 2)
        h, _ = self.rnn(x)
        return self.out(h).log_softmax(-1)


def fake_batch(words):
    frames = torch.randint(50, 60, (len(words),))
    mel = torch.zeros(len(words), 20, int(frames.max()))
    for i, n in enumerate(frames.tolist()):
        mel[i, :, :n] = torch.randn(20, n)
    return mel, frames


model, ctc = DeepSpeechish(), nn.CTCLoss(blank=0, zero_infinity=True)
opt = torch.optim.AdamW(model.parameters(), 1e-3)
for words in (["hello", "world", "again"], ["shape", "of water", "is"], ["good", "night", "moon"]):
    mel, frames = fake_batch(words)
    targets, target_lens = encode(words)
    logp = model(mel)
    loss = ctc(logp, targets, model.out_len(frames), target_lens)
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(loss.item())

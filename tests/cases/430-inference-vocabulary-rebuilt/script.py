import tempfile
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.nn as nn

CORPUS = {
    "train.txt": ["the brakes squeal|0", "great service on my brakes|1", "price was too high|0", "friendly staff|1"],
    "test.txt": ["staff was friendly|1", "pads wore out again|0", "the rotor still squeals|0"],
}


class Tokenizer:
    def __init__(self, text, max_len):
        self.word2idx, self.max_len = {w: i + 1 for i, w in enumerate(dict.fromkeys(text.lower().split()))}, max_len

    def __call__(self, text):
        ids = [self.word2idx.get(w, len(self.word2idx) + 1) for w in text.lower().split()][: self.max_len]
        return ids + [0] * (self.max_len - len(ids))


def read(folder, fname):
    return [line.split("|") for line in (folder / fname).read_text().splitlines()]


def build_tokenizer(folder, fnames, max_len=8):
    return Tokenizer(" ".join(text for fname in fnames for text, _ in read(folder, fname)), max_len)


class LSTMNet(nn.Module):
    def __init__(self, tokenizer, opt):
        super().__init__()
        self.embed = nn.Embedding(len(tokenizer.word2idx) + 2, opt.embed_dim, padding_idx=0)
        self.lstm = nn.LSTM(opt.embed_dim, opt.hidden_dim, batch_first=True)
        self.dense = nn.Linear(opt.hidden_dim, opt.polarities_dim)

    def forward(self, ids):
        return self.dense(self.lstm(self.embed(ids))[0][:, -1])


def instruct(opt, steps=5):
    tokenizer = build_tokenizer(opt.folder, [opt.train_file, opt.test_file])
    model = LSTMNet(tokenizer, opt)
    texts, labels = zip(*read(opt.folder, opt.train_file))
    ids, y = torch.tensor([tokenizer(t) for t in texts]), torch.tensor([int(v) for v in labels])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(ids), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"train loss {loss.item():.4f}")
    torch.save(model.state_dict(), opt.state_dict_path)


class Inferer:
    def __init__(self, opt):
        self.tokenizer = build_tokenizer(opt.folder, [opt.test_file])
        self.model = LSTMNet(self.tokenizer, opt).eval()
        self.model.load_state_dict(torch.load(opt.state_dict_path))

    @torch.no_grad()
    def evaluate(self, texts):
        return self.model(torch.tensor([self.tokenizer(t) for t in texts])).argmax(1).tolist()


def main():
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as tmp:
        opt = SimpleNamespace(folder=Path(tmp), train_file="train.txt", test_file="test.txt", embed_dim=12,
                              hidden_dim=16, polarities_dim=2, state_dict_path=Path(tmp) / "lstm.pt")
        for fname, lines in CORPUS.items():
            (opt.folder / fname).write_text("\n".join(lines))
        instruct(opt)
        print("polarity", Inferer(opt).evaluate(["the staff was great", "pads squeal"]))


main()

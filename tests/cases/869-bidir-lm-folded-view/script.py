import torch
import torch.nn as nn

DEFAULTS = dict(emb_sz=24, n_hid=32, n_layers=2, bidir=False, drop=0.1)


class LinearDecoder(nn.Module):
    """Turns the states of all time steps into one row of scores per token."""

    def __init__(self, n_out, vocab):
        super().__init__()
        self.n_out = n_out
        self.decoder = nn.Linear(n_out, vocab)

    def forward(self, states):
        return self.decoder(states.reshape(-1, self.n_out))


class TokenModel(nn.Module):
    def __init__(self, vocab, emb_sz, n_hid, n_layers, bidir, drop):
        super().__init__()
        self.encoder = nn.Embedding(vocab, emb_sz)
        self.drop = nn.Dropout(drop)
        self.rnn = nn.LSTM(emb_sz, n_hid, n_layers, bidirectional=bidir, batch_first=True)
        self.head = LinearDecoder(n_hid, vocab)

    def forward(self, ids):
        states, _ = self.rnn(self.drop(self.encoder(ids)))
        return self.head(self.drop(states))


class Learner:
    def __init__(self, batches, vocab, **overrides):
        self.config = {**DEFAULTS, **overrides}
        self.model = TokenModel(vocab, **self.config)
        self.batches = batches
        self.loss_func = nn.CrossEntropyLoss()
        self.opt = torch.optim.AdamW(self.model.parameters(), lr=2e-3)

    def fit_one_cycle(self, epochs):
        sched = torch.optim.lr_scheduler.OneCycleLR(self.opt, 1e-2, total_steps=epochs * len(self.batches))
        for epoch in range(epochs):
            for xb, yb in self.batches:
                loss = self.loss_func(self.model(xb), yb.flatten())
                self.opt.zero_grad()
                loss.backward()
                self.opt.step()
                sched.step()
            print(f"epoch {epoch} loss {loss.item():.4f}")


def masked_batches(text, bs, bptt, mask_id, vocab):
    ids = torch.tensor([ord(c) - 96 if c.isalpha() else 0 for c in text])
    ids = ids[:len(ids) // (bs * bptt) * bs * bptt].view(bs, -1)
    for start in range(0, ids.size(1), bptt):
        y = ids[:, start:start + bptt]
        yield y.masked_fill(torch.rand(y.shape) < 0.2, mask_id), y


if __name__ == "__main__":
    torch.manual_seed(0)
    text = "the small brown fox jumps over a lazy dog and runs on " * 6
    batches = list(masked_batches(text, bs=4, bptt=10, mask_id=27, vocab=28))
    print("batches", len(batches), "of", tuple(batches[0][0].shape))
    Learner(batches, vocab=28).fit_one_cycle(1)
    Learner(batches, vocab=28, bidir=True).fit_one_cycle(1)

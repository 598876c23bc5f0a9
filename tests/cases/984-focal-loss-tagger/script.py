import torch
import torch.nn as nn
from torch.nn.functional import one_hot
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader


class FocalLoss(nn.Module):
    def __init__(self, gamma, weights=None, ignore_index=-100, eps=1e-16):
        super().__init__()
        self.gamma, self.weights, self.ignore_index, self.eps = gamma, weights, ignore_index, eps

    def _get_weights(self, target):
        if self.weights is None:
            return torch.ones(target.shape[0])
        return (target * self.weights).sum(dim=-1)

    def _process_target(self, target, num_classes):
        target = target.view(-1)
        return one_hot(target, num_classes=num_classes)

    def _process_preds(self, x):
        return x.view(-1, x.shape[-1])

    def _calc_pt(self, target, x, mask):
        return (target * x).sum(dim=-1) * ~mask

    def forward(self, x, target):
        mask = (target == self.ignore_index).view(-1)
        x = self._process_preds(x)
        target = self._process_target(target, x.shape[-1])
        weights = self._get_weights(target)
        pt = self._calc_pt(target, x, mask)
        nll = (-torch.log(self.eps + pt)).masked_fill(mask, 0)
        loss = weights * (1 - pt) ** self.gamma * nll
        return loss.sum() / (~mask * weights).sum()


class Tagger(nn.Module):
    def __init__(self, vocab, n_class, dim=16):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim, padding_idx=0)
        self.lstm = nn.LSTM(dim, dim, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * dim, n_class)

    def forward(self, tokens):
        return self.out(self.lstm(self.emb(tokens))[0]).softmax(dim=-1)


def collate(batch):
    tokens, tags = zip(*batch)
    return pad_sequence(tokens, batch_first=True), pad_sequence(tags, batch_first=True, padding_value=-100)


def make_sentences(n, vocab, n_class):
    gen = torch.Generator().manual_seed(3)
    data = []
    for length in torch.randint(4, 12, (n,), generator=gen).tolist():
        tokens = torch.randint(1, vocab, (length,), generator=gen)
        data.append((tokens, tokens % n_class))
    return data


if __name__ == "__main__":
    torch.manual_seed(0)
    model, criterion = Tagger(40, 5), FocalLoss(gamma=0.7)
    optim = torch.optim.Adam(model.parameters(), lr=0.02)
    loader = DataLoader(make_sentences(32, 40, 5), batch_size=8, shuffle=True, collate_fn=collate)
    for epoch in range(3):
        for tokens, tags in loader:
            loss = criterion(model(tokens), tags)
            optim.zero_grad()
            loss.backward()
            optim.step()
        print("epoch %d loss %.4f" % (epoch, loss.item()))

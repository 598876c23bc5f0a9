import torch
import torch.nn as nn
import torch.nn.functional as F

PAD, UNK, START, STOP = range(4)


class Vocab:
    def __init__(self, words):
        self.index = {w: i + 4 for i, w in enumerate(words)}

    def __len__(self):
        return len(self.index) + 4

    def article_ids(self, words):
        oovs, ids = [], []
        for w in words:
            if w not in self.index and w not in oovs:
                oovs.append(w)
            ids.append(self.index[w] if w in self.index else len(self) + oovs.index(w))
        return ids, oovs


class Batch:
    def __init__(self, articles, vocab):
        split = [a.split() for a in articles]
        width = max(map(len, split))
        extended = [vocab.article_ids(words) for words in split]
        self.extended = torch.tensor([ids + [PAD] * (width - len(ids)) for ids, _ in extended])
        self.source = self.extended.where(self.extended < len(vocab), UNK)
        self.oovs = [oovs for _, oovs in extended]
        self.max_oovs = max(len(oovs) for oovs in self.oovs)


class PointerDecoder(nn.Module):
    def __init__(self, size, dim=24):
        super().__init__()
        self.embed = nn.Embedding(size, dim, padding_idx=PAD)
        self.encoder = nn.LSTM(dim, dim, batch_first=True)
        self.cell = nn.LSTMCell(dim, dim)
        self.project = nn.Linear(2 * dim, size)
        self.p_gen = nn.Linear(3 * dim, 1)

    def step(self, token, state, memory, batch):
        x = self.embed(token)
        h, c = self.cell(x, state)
        score = (memory @ h.unsqueeze(2)).squeeze(2).masked_fill(batch.source == PAD, -1e9)
        attention = score.softmax(dim=1)
        context = (attention.unsqueeze(1) @ memory).squeeze(1)
        p_gen = torch.sigmoid(self.p_gen(torch.cat([context, h, x], dim=1)))
        vocab_dist = p_gen * self.project(torch.cat([h, context], dim=1)).softmax(dim=1)
        vocab_dist = F.pad(vocab_dist, (0, batch.max_oovs))
        final = vocab_dist.scatter_add(1, batch.extended, (1 - p_gen) * attention)
        return final, (h, c)


@torch.no_grad()
def summarize(model, batch, vocab, length=4):
    memory, state = model.encoder(model.embed(batch.source))
    state = tuple(s.squeeze(0) for s in state)
    token = torch.full((len(batch.oovs),), START)
    words = []
    for _ in range(length):
        final, state = model.step(token, state, memory, batch)
        words.append(final.argmax(dim=1))
        token = words[-1].where(words[-1] < len(vocab), UNK)
    return torch.stack(words, dim=1)


torch.manual_seed(0)
vocab = Vocab("the minister said that talks will go on in a city to day".split())
model = PointerDecoder(len(vocab)).eval()
for articles in (
    ["talks in kigali will go on", "the minister said that"],
    ["the talks in a city go on", "okonkwo said that nairobi will go on"],
):
    batch = Batch(articles, vocab)
    print("oovs", batch.oovs, "summary ids", summarize(model, batch, vocab).tolist())

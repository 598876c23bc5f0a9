"""Number-word translation with a GRU encoder and an attending decoder."""
import random

import torch
from torch import nn
from torch.nn import functional as F

hparams = dict(hidden=24, embed=16, n_layers=2, batch_size=5, src_words=30, tgt_words=26, max_src=9, max_tgt=7)


class Encoder(nn.Module):
    def __init__(self, words, embed, hidden, n_layers):
        super().__init__()
        self.hidden = hidden
        self.embedding = nn.Embedding(words, embed, padding_idx=0)
        self.gru = nn.GRU(embed, hidden, n_layers, bidirectional=True)

    def forward(self, src, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(self.embedding(src), lengths, enforce_sorted=False)
        outputs, hidden = self.gru(packed)
        outputs, _ = nn.utils.rnn.pad_packed_sequence(outputs)
        return outputs[..., :self.hidden] + outputs[..., self.hidden:], hidden[::2].contiguous()


class Attn(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.attn = nn.Linear(hidden * 2, hidden)
        self.v = nn.Parameter(torch.rand(hidden) / hidden ** 0.5)

    def forward(self, hidden, encoder_outputs):
        max_len = encoder_outputs.size(0)
        h = hidden.repeat(max_len, 1, 1).transpose(0, 1)
        energy = torch.tanh(self.attn(torch.cat([h, encoder_outputs.transpose(0, 1)], 2)))
        return F.softmax(energy @ self.v, dim=1).unsqueeze(1)


class Decoder(nn.Module):
    def __init__(self, words, embed, hidden, n_layers):
        super().__init__()
        self.embedding = nn.Embedding(words, embed)
        self.attn = Attn(hidden)
        self.gru = nn.GRU(embed + hidden, hidden, n_layers)
        self.out = nn.Linear(hidden, words)

    def forward(self, word, last_hidden, encoder_outputs):
        embedded = self.embedding(word).unsqueeze(0)
        weights = self.attn(last_hidden[-1:], encoder_outputs)
        context = weights.bmm(encoder_outputs.transpose(0, 1)).transpose(0, 1)
        output, hidden = self.gru(torch.cat([embedded, context], 2), last_hidden)
        return self.out(output.squeeze(0)), hidden


def batches(hp, count, seed=3):
    rng = random.Random(seed)
    for _ in range(count):
        lengths = [rng.randint(4, hp["max_src"]) for _ in range(hp["batch_size"])]
        src = torch.zeros(max(lengths), hp["batch_size"], dtype=torch.long)
        for column, n in enumerate(lengths):
            src[:n, column] = torch.tensor([rng.randrange(1, hp["src_words"]) for _ in range(n)])
        tgt = torch.tensor([[rng.randrange(hp["tgt_words"]) for _ in lengths] for _ in range(hp["max_tgt"])])
        yield src, torch.tensor(lengths), tgt


if __name__ == "__main__":
    torch.manual_seed(0)
    sizes = (hparams["embed"], hparams["hidden"], hparams["n_layers"])
    encoder, decoder = Encoder(hparams["src_words"], *sizes), Decoder(hparams["tgt_words"], *sizes)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3)
    for src, lengths, tgt in batches(hparams, 3):
        memory, hidden = encoder(src, lengths)
        print("source", tuple(src.shape))
        loss = 0.0
        for t in range(len(tgt) - 1):
            logits, hidden = decoder(tgt[t], hidden, memory)
            loss = loss + F.cross_entropy(logits, tgt[t + 1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"loss {loss.item() / (len(tgt) - 1):.3f}")

"""Question generation: bidirectional GRU encoder, attentive GRU cell as decoder."""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class ModelConfig:
    vocab_size: int = 50
    word_embed_size: int = 20
    enc_hidden_size: int = 32
    dec_hidden_size: int = 16
    pad_id: int = 0
    bos_id: int = 1


class Encoder(nn.Module):
    def __init__(self, cfg, embedding):
        super().__init__()
        self.embedding = embedding
        self.rnn = nn.GRU(cfg.word_embed_size, cfg.enc_hidden_size // 2, batch_first=True, bidirectional=True)

    def forward(self, src):
        outputs, hidden = self.rnn(self.embedding(src))
        return outputs, torch.cat([hidden[0], hidden[1]], dim=-1)


class Attention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.query = nn.Linear(cfg.dec_hidden_size, cfg.enc_hidden_size, bias=False)

    def forward(self, state, memory, mask):
        energy = torch.bmm(memory, self.query(state).unsqueeze(-1)).squeeze(-1)
        weights = energy.masked_fill(~mask, float("-inf")).softmax(-1)
        return torch.bmm(weights.unsqueeze(1), memory).squeeze(1)


class Decoder(nn.Module):
    def __init__(self, cfg, embedding):
        super().__init__()
        self.embedding = embedding
        self.attention = Attention(cfg)
        self.rnncell = nn.GRUCell(cfg.word_embed_size + cfg.enc_hidden_size, cfg.dec_hidden_size)
        self.out = nn.Linear(cfg.dec_hidden_size, cfg.vocab_size)

    def forward(self, state, memory, mask, target):
        context = torch.zeros_like(memory[:, 0])
        logits = []
        for word in target.unbind(1):
            state = self.rnncell(torch.cat([self.embedding(word), context], dim=-1), state)
            context = self.attention(state, memory, mask)
            logits.append(self.out(state))
        return torch.stack(logits, dim=1)


class QuestionGenerator(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        embedding = nn.Embedding(cfg.vocab_size, cfg.word_embed_size, padding_idx=cfg.pad_id)
        self.encoder, self.decoder = Encoder(cfg, embedding), Decoder(cfg, embedding)
        self.bridge = nn.Linear(cfg.enc_hidden_size, cfg.dec_hidden_size)

    def forward(self, src, question):
        memory, summary = self.encoder(src)
        first = torch.full_like(question[:, :1], self.cfg.bos_id)
        inputs = torch.cat([first, question[:, :-1]], dim=1)
        logits = self.decoder(torch.tanh(self.bridge(summary)), memory, src.ne(self.cfg.pad_id), inputs)
        return F.cross_entropy(logits.flatten(0, 1), question.flatten(), ignore_index=self.cfg.pad_id)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = QuestionGenerator(ModelConfig())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    passages, questions = torch.randint(2, 50, (5, 14)), torch.randint(2, 50, (5, 7))
    passages[3:, 10:] = 0
    for step in range(3):
        loss = model(passages, questions)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} nll {loss.item():.3f}")

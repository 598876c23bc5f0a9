"""Hierarchical encoder for card transactions: fields of a row first, rows of a window after."""
from dataclasses import dataclass

import torch
import torch.nn as nn


@dataclass
class TabConfig:
    vocab_size: int = 40
    ncols: int = 5
    field_hidden_size: int = 16
    hidden_size: int = 32
    nhead: int = 4
    num_layers: int = 1


class FieldEmbeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.field_hidden_size)
        encoder_layer = nn.TransformerEncoderLayer(d_model=config.field_hidden_size, nhead=config.nhead,
                                                   dim_feedforward=config.field_hidden_size, dropout=0.0, batch_first=True)
        self.transformer_encoder = nn.TransformerEncoder(encoder_layer, config.num_layers, enable_nested_tensor=False)
        self.lin_proj = nn.Linear(config.field_hidden_size * config.ncols, config.hidden_size)

    def forward(self, input_ids):
        inputs_embeds = self.word_embeddings(input_ids)
        embeds_shape = list(inputs_embeds.size())
        inputs_embeds = inputs_embeds.view([-1] + embeds_shape[-2:])
        inputs_embeds = self.transformer_encoder(inputs_embeds)
        return self.lin_proj(inputs_embeds.reshape(embeds_shape[:-2] + [-1]))


class FraudModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.tab_embeddings = FieldEmbeddings(config)
        self.rnn = nn.GRU(config.hidden_size, config.hidden_size, batch_first=True)
        self.classifier = nn.Linear(config.hidden_size, 1)

    def forward(self, input_ids):
        _, h = self.rnn(self.tab_embeddings(input_ids))
        return self.classifier(h[-1]).squeeze(-1)


def windows(n, seq_len, config, seed):
    gen = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, config.vocab_size, (n, seq_len, config.ncols), generator=gen)
    fraud = (ids[:, -1, 0] < 20) ^ (ids[:, -1, 3] < 20)
    return ids, fraud.float()


@torch.no_grad()
def score(model, ids, batch_size):
    model.eval()
    return torch.cat([model(chunk).sigmoid() for chunk in ids.split(batch_size)])


if __name__ == "__main__":
    torch.manual_seed(0)
    config = TabConfig()
    model = FraudModel(config)
    ids, labels = windows(192, 4, config, seed=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(15):
        for batch in torch.randperm(len(ids)).split(32):
            loss = nn.functional.binary_cross_entropy_with_logits(model(ids[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    test_ids, _ = windows(64, 4, config, seed=2)
    for batch_size in (64, 8, 1):
        print("batch", batch_size, [round(p, 3) for p in score(model, test_ids, batch_size)[:6].tolist()])

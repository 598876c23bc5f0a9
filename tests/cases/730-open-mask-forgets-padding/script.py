"""Sentence embeddings from a decoder turned into a two-way encoder."""
import torch
from torch import nn
from transformers import LlamaConfig, LlamaModel


class TwoWayEncoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.backbone = LlamaModel(config)

    def open_mask(self, attention_mask):
        rows, length = attention_mask.shape
        return torch.zeros(rows, 1, length, length, dtype=self.backbone.dtype)

    def forward(self, input_ids, attention_mask):
        mask = self.open_mask(attention_mask)
        return self.backbone(input_ids=input_ids, attention_mask=mask, use_cache=False).last_hidden_state


class SentenceEmbedder:
    def __init__(self, encoder, vocab):
        self.encoder, self.vocab = encoder.eval(), vocab

    def tokenize(self, sentences):
        rows = [[self.vocab[w] for w in s.split()] for s in sentences]
        width = max(len(r) for r in rows)
        ids = torch.tensor([r + [0] * (width - len(r)) for r in rows])
        return ids, (ids != 0).long()

    @torch.no_grad()
    def embed(self, sentences, batch_size):
        vectors = []
        for i in range(0, len(sentences), batch_size):
            ids, mask = self.tokenize(sentences[i:i + batch_size])
            hidden = self.encoder(ids, mask)
            weight = mask.unsqueeze(-1).to(hidden.dtype)
            vectors.append((hidden * weight).sum(1) / weight.sum(1))
        return nn.functional.normalize(torch.cat(vectors), dim=-1)


SENTENCES = [
    "good morning",
    "the weather in the valley is fine today and the hay is nearly dry",
    "see you tomorrow",
    "the last bus to the valley leaves at nine in the evening on weekdays",
]

torch.manual_seed(0)
vocab = {}
for word in " ".join(SENTENCES).split():
    vocab.setdefault(word, len(vocab) + 1)
config = LlamaConfig(
    vocab_size=len(vocab) + 1, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.2, pad_token_id=0,
)
embedder = SentenceEmbedder(TwoWayEncoder(config), vocab)
for batch_size in (1, 2, 4):
    a, b, c, d = embedder.embed(SENTENCES, batch_size)
    print(f"batch size {batch_size}: greeting/farewell {a @ c:.4f}  hay/bus {b @ d:.4f}  greeting/bus {a @ d:.4f}")

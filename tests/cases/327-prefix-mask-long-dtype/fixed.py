"""Hidden states of a prefix-LM for a small retrieval check: the question part sees itself in both directions."""
import torch
from torch import nn
from transformers import LlamaConfig, LlamaModel

PAD, SEP = 0, 1


class WordTokenizer:
    def __init__(self):
        self.vocab = {}

    def encode(self, text):
        return [self.vocab.setdefault(w, len(self.vocab) + 2) for w in text.lower().split()]

    def __call__(self, pairs):
        rows = [(self.encode(q) + [SEP], self.encode(a)) for q, a in pairs]
        width = max(len(q) + len(a) for q, a in rows)
        ids = [q + a + [PAD] * (width - len(q) - len(a)) for q, a in rows]
        return {
            "input_ids": torch.tensor(ids),
            "attention_mask": torch.tensor([[int(t != PAD) for t in row] for row in ids]),
            "prefix": torch.tensor([len(q) for q, _ in rows]),
        }


def visible_positions(attention_mask, prefix):
    length = attention_mask.size(1)
    steps = torch.arange(length)
    causal = attention_mask.new_ones(length, length).tril()
    in_prefix = (steps < prefix[:, None]).to(attention_mask.dtype)
    both_ways = in_prefix[:, :, None] * in_prefix[:, None, :]
    allowed = torch.maximum(causal.expand_as(both_ways), both_ways)
    return (allowed * attention_mask[:, None, :]).unsqueeze(1).bool()


class PrefixEncoder(nn.Module):
    def __init__(self, vocab, recurrences=3):
        super().__init__()
        self.recurrences = recurrences
        self.core = LlamaModel(LlamaConfig(
            vocab_size=vocab, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=4, max_position_embeddings=64, attn_implementation="sdpa",
        ))

    def forward(self, input_ids, attention_mask, prefix):
        mask = visible_positions(attention_mask, prefix)
        injected = self.core.get_input_embeddings()(input_ids)
        state = torch.zeros_like(injected)
        for _ in range(self.recurrences):
            out = self.core(inputs_embeds=injected + state, attention_mask=mask, use_cache=False)
            state = out.last_hidden_state
        keep = attention_mask.unsqueeze(-1)
        return (state * keep).sum(1) / keep.sum(1)


@torch.no_grad()
def similarity(model, batch):
    vectors = nn.functional.normalize(model(**batch), dim=-1)
    return vectors @ vectors.T


if __name__ == "__main__":
    torch.manual_seed(0)
    batch = WordTokenizer()([
        ("who wrote the iliad", "homer did"),
        ("who wrote the odyssey", "homer did it as well"),
        ("how deep is the mariana trench", "about eleven thousand metres"),
    ])
    model = PrefixEncoder(vocab=64).eval()
    print("tokens", batch["attention_mask"].sum(1).tolist())
    for row in similarity(model, batch).tolist():
        print(" ".join(f"{v:+.3f}" for v in row))

"""Contrastive sentence vectors with a replaced-word objective: a frozen generator fills masked words of the input."""
from dataclasses import dataclass
from zlib import crc32

import torch
import torch.nn.functional as F
from transformers import BertConfig, BertForMaskedLM, BertModel

PAD, CLS = 0, 1
CHECKPOINTS = {
    "bpe-base": dict(vocab_size=96, hidden_size=48, num_hidden_layers=2, num_attention_heads=4),
    "bpe-small": dict(vocab_size=96, hidden_size=32, num_hidden_layers=1, num_attention_heads=2),
    "wordpiece-small": dict(vocab_size=58, hidden_size=32, num_hidden_layers=1, num_attention_heads=2),
}
SENTENCES = [
    "a man plays the guitar on a stage",
    "two dogs run through deep snow",
    "the train to the coast leaves at noon",
    "nobody has seen the keys since yesterday morning",
]


@dataclass
class ModelArguments:
    encoder_name: str = "bpe-base"
    generator_name: str = "bpe-small"
    masking_ratio: float = 0.3
    temperature: float = 0.05


def load(name, cls):
    config = BertConfig(intermediate_size=64, max_position_embeddings=32, pad_token_id=PAD, **CHECKPOINTS[name])
    return cls(config)


def encode(sentences, vocab_size):
    rows = [[CLS] + [2 + crc32(w.encode()) % (vocab_size - 3) for w in s.split()] for s in sentences]
    width = max(map(len, rows))
    ids = torch.tensor([r + [PAD] * (width - len(r)) for r in rows])
    return ids, (ids != PAD).long()


class ReplacedWordModel(torch.nn.Module):
    def __init__(self, args):
        super().__init__()
        self.args = args
        self.encoder = load(args.encoder_name, BertModel)
        self.generator = load(args.generator_name, BertForMaskedLM).eval().requires_grad_(False)
        self.head = torch.nn.Linear(self.encoder.config.hidden_size, 1)

    def forward(self, ids, mask):
        first = self.encoder(ids, attention_mask=mask).last_hidden_state[:, 0]
        second = self.encoder(ids, attention_mask=mask).last_hidden_state[:, 0]
        scores = F.cosine_similarity(first[:, None], second[None], dim=-1) / self.args.temperature
        contrast = F.cross_entropy(scores, torch.arange(len(ids)))
        pick = (torch.rand(ids.shape) < self.args.masking_ratio) & (ids > CLS)
        masked = ids.masked_fill(pick, self.encoder.config.vocab_size - 1)
        guesses = self.generator(masked, attention_mask=mask).logits.argmax(-1)
        corrupted = torch.where(pick, guesses, ids)
        states = self.encoder(corrupted, attention_mask=mask).last_hidden_state
        replaced = F.binary_cross_entropy_with_logits(
            self.head(states).squeeze(-1), (corrupted != ids).float(), weight=mask.float()
        )
        return contrast, replaced


if __name__ == "__main__":
    torch.manual_seed(0)
    model = ReplacedWordModel(ModelArguments())
    ids, mask = encode(SENTENCES, model.encoder.config.vocab_size)
    print("batch", tuple(ids.shape))
    optimizer = torch.optim.AdamW(model.head.parameters(), lr=1e-3)
    for step in range(2):
        contrast, replaced = model(ids, mask)
        optimizer.zero_grad()
        (contrast + replaced).backward()
        optimizer.step()
        print("step %d contrast %.4f replaced %.4f" % (step, contrast.item(), replaced.item()))

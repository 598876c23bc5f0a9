import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from transformers import BartConfig, BartModel

PAD, BOS, EOS = 1, 0, 2


class ClassificationHead(nn.Module):
    def __init__(self, dim, num_labels):
        super().__init__()
        self.dense, self.out_proj = nn.Linear(dim, dim), nn.Linear(dim, num_labels)

    def forward(self, x):
        return self.out_proj(torch.tanh(self.dense(x)))


class BartPairClassifier(nn.Module):
    """Reads the article in the encoder and the claim in the decoder."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = BartModel(config)
        self.head = ClassificationHead(config.d_model, config.num_labels)

    def forward(self, input_ids, attention_mask, decoder_input_ids, decoder_attention_mask, labels):
        outputs = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            decoder_input_ids=decoder_input_ids,
            decoder_attention_mask=decoder_attention_mask,
            use_cache=False,
        )
        hidden_states = outputs.last_hidden_state
        eos_mask = input_ids.eq(self.config.eos_token_id)
        if len(torch.unique_consecutive(eos_mask.sum(1))) > 1:
            raise ValueError("All examples must have the same number of <eos> tokens.")
        batch = hidden_states.size(0)
        sentence = hidden_states[eos_mask, :].view(batch, -1, hidden_states.size(-1))[:, -1, :]
        logits = self.head(sentence)
        return nn.functional.cross_entropy(logits, labels), logits


def make_pairs(count):
    gen = torch.Generator().manual_seed(0)
    draw = lambda low, high: torch.randint(3, 60, (int(torch.randint(low, high, (1,), generator=gen)),), generator=gen)
    wrap = lambda ids: torch.cat([torch.tensor([BOS]), ids, torch.tensor([EOS])])
    return [(wrap(draw(12, 20)), wrap(draw(3, 8)), int(torch.randint(0, 3, (1,), generator=gen))) for _ in range(count)]


def collate(pairs):
    articles, claims, labels = zip(*pairs)
    pad = lambda rows: nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
    ids, dec = pad(articles), pad(claims)
    return {"input_ids": ids, "attention_mask": (ids != PAD).long(), "decoder_input_ids": dec,
            "decoder_attention_mask": (dec != PAD).long(), "labels": torch.tensor(labels)}


if __name__ == "__main__":
    torch.manual_seed(0)
    classifier = BartPairClassifier(BartConfig(
        vocab_size=60, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=32, num_labels=3,
    ))
    optim = torch.optim.AdamW(classifier.parameters(), lr=1e-3)
    for step, batch in enumerate(DataLoader(make_pairs(8), batch_size=4, collate_fn=collate)):
        loss, logits = classifier(**batch)
        optim.zero_grad(), loss.backward(), optim.step()
        print("step", step, "loss", round(loss.item(), 4), logits.argmax(-1).tolist())

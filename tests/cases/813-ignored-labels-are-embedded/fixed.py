"""Fine-tune a small BART on headline pairs, with a loss of our own on the logits."""
import torch
from torch.utils.data import DataLoader
from transformers import BartConfig, BartForConditionalGeneration

PAD, BOS, EOS = 1, 0, 2
PAIRS = [
    ([14, 33, 21, 40, 17, 29], [14, 33, 40]),
    ([52, 18, 36, 27], [52, 18, 27]),
    ([44, 12, 9, 31, 58, 20, 15], [44, 9, 58, 20]),
    ([23, 47, 35, 50, 11], [23, 50]),
]


def shift_right(ids, start):
    shifted = ids.new_full(ids.shape, start)
    shifted[:, 1:] = ids[:, :-1]
    return shifted.masked_fill(shifted == -100, PAD)


class Collator:
    def __init__(self, label_pad=-100):
        self.label_pad = label_pad

    @staticmethod
    def pad(rows, value):
        width = max(map(len, rows))
        return torch.tensor([row + [value] * (width - len(row)) for row in rows])

    def __call__(self, pairs):
        source = self.pad([[BOS, *article, EOS] for article, _ in pairs], PAD)
        labels = self.pad([[*headline, EOS] for _, headline in pairs], self.label_pad)
        return {
            "input_ids": source,
            "attention_mask": source.ne(PAD).long(),
            "decoder_input_ids": shift_right(labels, start=EOS),
            "labels": labels,
        }


def build_model():
    torch.manual_seed(0)
    return BartForConditionalGeneration(BartConfig(
        vocab_size=60, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=32,
        pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS, decoder_start_token_id=EOS, forced_eos_token_id=EOS,
    ))


def train(model, loader, smoothing=0.1):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    criterion = torch.nn.CrossEntropyLoss(ignore_index=-100, label_smoothing=smoothing)
    for step, batch in enumerate(loader):
        labels = batch.pop("labels")
        logits = model(**batch, use_cache=False).logits
        loss = criterion(logits.flatten(0, 1), labels.flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"step {step} labels {tuple(labels.shape)} loss {loss.item():.3f}")


if __name__ == "__main__":
    train(build_model(), DataLoader(PAIRS, batch_size=2, collate_fn=Collator()))

"""Fine-tune a CTC speech model on a folder of short recordings."""
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

ALPHABET = "_ abcdefghijklmnopqrstuvwxyz"
TRANSCRIPTS = {"clip_a": "open the door", "clip_b": "stop", "clip_c": "good night", "clip_d": "left"}


def load(name, rate=2000):
    gen = torch.Generator().manual_seed(sum(map(ord, name)))
    seconds = 0.5 + 0.05 * len(TRANSCRIPTS[name])
    waveform = 0.1 * torch.randn(1, int(seconds * rate), generator=gen)
    return waveform, rate


class Recordings(Dataset):
    def __init__(self, names):
        self.names = names

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        name = self.names[index]
        waveform, _ = load(name)
        speech = (waveform - waveform.mean()) / (waveform.std() + 1e-7)
        return {"input_values": speech, "labels": [ALPHABET.index(c) for c in TRANSCRIPTS[name]]}


@dataclass
class CTCCollator:
    label_pad: int = -100

    def __call__(self, features):
        longest = max(f["input_values"].size(-1) for f in features)
        values = torch.stack([
            torch.nn.functional.pad(f["input_values"], (0, longest - f["input_values"].size(-1))) for f in features
        ])
        width = max(len(f["labels"]) for f in features)
        labels = torch.tensor([f["labels"] + [self.label_pad] * (width - len(f["labels"])) for f in features])
        return {"input_values": values, "labels": labels}


def build():
    torch.manual_seed(0)
    return Wav2Vec2ForCTC(Wav2Vec2Config(
        vocab_size=len(ALPHABET), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        conv_dim=(16, 16, 16), conv_stride=(5, 4, 2), conv_kernel=(10, 8, 4), num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=4, pad_token_id=0, ctc_loss_reduction="mean", ctc_zero_infinity=True,
        mask_time_prob=0.0, layerdrop=0.0,
    ))


def training_step(model, batch, optimizer):
    loss = model(**batch).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


if __name__ == "__main__":
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(Recordings(sorted(TRANSCRIPTS)), batch_size=2, collate_fn=CTCCollator())
    for step, batch in enumerate(loader):
        print(f"step {step} loss {training_step(model, batch, optimizer):.3f}")

"""Fine-tune a speech encoder with a CTC head on Vietnamese read speech."""
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

BASE = dict(
    vocab_size=29, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
    conv_dim=(16, 16), conv_stride=(5, 4), conv_kernel=(10, 8), num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=4, mask_time_prob=0.0, pad_token_id=0, ctc_loss_reduction="mean",
)
TRANSCRIPTS = [
    "hôm nay trời đẹp",
    "tôi thích uống cà phê",
    "anh ấy đi bộ",
    "quyển sách ở trên bàn",
    "cửa hàng mở lúc bảy giờ",
]


class CharVocab:
    def __init__(self, texts):
        letters = sorted(set("".join(texts)) - {" "})
        self.ids = {symbol: i for i, symbol in enumerate(["<pad>", "<unk>", "|"] + letters)}

    def __len__(self):
        return len(self.ids)

    def encode(self, text):
        return torch.tensor([self.ids.get(c, 1) for c in text.replace(" ", "|")])


class ReadSpeech:
    def __init__(self, texts, vocab):
        gen = torch.Generator().manual_seed(4)
        self.items = [(torch.randn(90 * len(t), generator=gen), vocab.encode(t)) for t in texts]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(items):
    waves, labels = zip(*items)
    return {
        "input_values": pad_sequence(waves, batch_first=True),
        "attention_mask": pad_sequence([torch.ones(len(w), dtype=torch.long) for w in waves], batch_first=True),
        "labels": pad_sequence(labels, batch_first=True, padding_value=-100),
    }


def load_model(**overrides):
    torch.manual_seed(0)
    model = Wav2Vec2ForCTC(Wav2Vec2Config(**{**BASE, **overrides}))
    model.freeze_feature_encoder()
    return model


def main():
    vocab = CharVocab(TRANSCRIPTS)
    loader = DataLoader(ReadSpeech(TRANSCRIPTS, vocab), batch_size=2, collate_fn=collate)
    print(f"{len(loader.dataset)} clips in {len(loader)} batches")
    model = load_model(layerdrop=0.0, vocab_size=len(vocab))
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=3e-4)
    for step, batch in enumerate(loader):
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"step {step} loss {loss.item():.3f}")


if __name__ == "__main__":
    main()

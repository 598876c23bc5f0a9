import torch
from torch import nn

PAD, BOS, EOS = 0, 1, 2


class CharTokenizer:
    """Returns what a Hugging Face tokenizer returns with padding=True."""

    def __init__(self, letters="abcdefghijklmnopqrstuvwxyz "):
        self.ids = {ch: i + 3 for i, ch in enumerate(letters)}
        self.size = len(letters) + 3

    def __call__(self, texts):
        rows = [[BOS, *(self.ids[ch] for ch in text), EOS] for text in texts]
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), PAD)
        attention_mask = torch.zeros(len(rows), width)
        for i, row in enumerate(rows):
            ids[i, :len(row)] = torch.tensor(row)
            attention_mask[i, :len(row)] = 1.0
        return {"input_ids": ids, "attention_mask": attention_mask}


class Captioner(nn.Module):
    def __init__(self, vocab, width=32, heads=4, layers=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.where = nn.Embedding(64, width)
        layer = nn.TransformerDecoderLayer(width, heads, 64, dropout=0.0, batch_first=True)
        self.decoder = nn.TransformerDecoder(layer, layers)
        self.head = nn.Linear(width, vocab)

    def masks(self, batch):
        return {"tgt_mask": batch["attention_mask"]}

    def forward(self, batch, image):
        ids = batch["input_ids"]
        x = self.embed(ids) + self.where(torch.arange(ids.size(1)))
        hidden = self.decoder(x, image, **self.masks(batch))
        return self.head(hidden)


def train(tokenizer, captions, steps=3, patches=6, width=32):
    model = Captioner(tokenizer.size, width)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    batch = tokenizer(captions)
    image = torch.randn(len(captions), patches, width)
    print("captions", tuple(batch["input_ids"].shape))
    for step in range(steps):
        logits = model(batch, image)[:, :-1]
        gold = batch["input_ids"][:, 1:]
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), gold.flatten(), ignore_index=PAD)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} loss {loss.item():.4f}")


torch.manual_seed(0)
train(CharTokenizer(), ["a dog", "two red cups", "snow", "a boat at sea"])

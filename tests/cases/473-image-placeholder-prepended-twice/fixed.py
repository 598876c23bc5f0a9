"""Supervised fine-tuning of a vision-language model on a mixture of conversation sets."""
import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import Qwen2Config, Qwen2ForCausalLM, SiglipVisionConfig, SiglipVisionModel

SPECIAL = {"<pad>": 0, "<image>": 1, "<eos>": 2}
SOURCES = {
    "coco": [("what is on the table", "a cup"), ("how many birds fly", "three")],
    "onevision": [("<image> describe the picture in one line", "a boat"), ("<image> which season is it", "autumn")],
}


class Vocab:
    ids = dict(SPECIAL)

    def encode(self, text):
        return [self.ids.setdefault(word, len(self.ids)) for word in text.split()]


class Conversations(torch.utils.data.Dataset):
    def __init__(self, sources, vocab, patches):
        self.vocab, self.patches = vocab, patches
        self.rows = [row for name in sources for row in SOURCES[name]]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        question, answer = self.rows[index]
        prompt = self.vocab.encode(f"<image> {question.removeprefix('<image>')}".replace("<image>", "<image> " * self.patches))
        target = self.vocab.encode(f"{answer} <eos>")
        return {
            "input_ids": prompt + target, "labels": [-100] * len(prompt) + target,
            "pixel_values": torch.full((3, 16, 16), 0.1 * index),
        }


def collate(rows):
    longest = max(len(r["input_ids"]) for r in rows)
    pad = lambda key, value: torch.tensor([r[key] + [value] * (longest - len(r[key])) for r in rows])
    ids = pad("input_ids", 0)
    return {"input_ids": ids, "labels": pad("labels", -100), "attention_mask": (ids != 0).long(),
            "pixel_values": torch.stack([r["pixel_values"] for r in rows])}


class TinyVLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.vision = SiglipVisionModel(SiglipVisionConfig(
            hidden_size=24, intermediate_size=48, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=4))
        self.text = Qwen2ForCausalLM(Qwen2Config(
            vocab_size=64, hidden_size=40, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=128))
        self.merger = nn.Linear(24, 40)

    def forward(self, input_ids, pixel_values, attention_mask, labels):
        features = self.merger(self.vision(pixel_values).last_hidden_state).flatten(0, 1)
        embeds = self.text.get_input_embeddings()(input_ids).clone()
        embeds[input_ids == SPECIAL["<image>"]] = features
        return self.text(inputs_embeds=embeds, attention_mask=attention_mask, labels=labels)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = TinyVLM()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step, batch in enumerate(DataLoader(Conversations(["coco", "onevision"], Vocab(), 16), 2, collate_fn=collate)):
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"step {step} loss {loss.item():.2f}")

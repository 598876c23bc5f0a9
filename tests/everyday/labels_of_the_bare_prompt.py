"""Prompt tuning: a learned prefix of embeddings, the language model is frozen."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2Config, GPT2LMHeadModel


class Lines(Dataset):
    def __init__(self, n=12, length=14):
        g = torch.Generator().manual_seed(8)
        self.ids = torch.randint(3, 70, (n, length), generator=g)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        ids = self.ids[i]
        labels = ids.clone()
        labels[:4] = -100
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


class SoftPrompt(nn.Module):
    def __init__(self, lm, tokens=6):
        super().__init__()
        self.lm = lm.requires_grad_(False)
        start = lm.get_input_embeddings().weight[:tokens].detach().clone()
        self.prompt = nn.Parameter(start)

    def extend(self, batch):
        rows = batch["input_ids"].size(0)
        embeds = self.lm.get_input_embeddings()(batch["input_ids"])
        prefix = self.prompt.unsqueeze(0).expand(rows, -1, -1)
        ones = batch["attention_mask"].new_ones(rows, prefix.size(1))
        return {
            "inputs_embeds": torch.cat([prefix, embeds], dim=1),
            "attention_mask": torch.cat([ones, batch["attention_mask"]], dim=1),
            "labels": batch["labels"],
        }

    def forward(self, batch):
        return self.lm(**self.extend(batch)).loss


def main():
    torch.manual_seed(0)
    lm = GPT2LMHeadModel(
        GPT2Config(vocab_size=70, n_embd=32, n_layer=2, n_head=4, n_positions=48, bos_token_id=0, eos_token_id=0)
    )
    model = SoftPrompt(lm)
    opt = torch.optim.Adam([model.prompt], lr=0.05)
    for epoch in range(2):
        for batch in DataLoader(Lines(), batch_size=4, shuffle=True):
            loss = model(batch)
            opt.zero_grad()
            loss.backward()
            opt.step()
        print("epoch", epoch, round(loss.item(), 3))


if __name__ == "__main__":
    main()

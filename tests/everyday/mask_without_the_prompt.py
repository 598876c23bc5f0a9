import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel


class PromptTuned(nn.Module):
    def __init__(self, base, n_prompt=5):
        super().__init__()
        self.base = base
        self.prompt = nn.Parameter(torch.randn(n_prompt, base.config.n_embd))

    def forward(self, batch):
        embeds = self.base.transformer.wte(batch["input_ids"])
        prompt = self.prompt.unsqueeze(0).expand(embeds.size(0), -1, -1)
        embeds = torch.cat([prompt, embeds], dim=1)
        return self.base(inputs_embeds=embeds, attention_mask=batch["attention_mask"]).logits


base = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2, n_positions=32))
batch = {"input_ids": torch.randint(0, 50, (2, 8)), "attention_mask": torch.ones(2, 8, dtype=torch.long)}
print(PromptTuned(base)(batch).shape)

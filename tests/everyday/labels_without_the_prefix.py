import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM


class PromptTuned(nn.Module):
    def __init__(self, lm, n):
        super().__init__()
        self.lm, self.n = lm, n
        self.prompt = nn.Parameter(torch.randn(n, lm.config.hidden_size))

    def forward(self, input_ids, attention_mask, labels=None):
        embeds = self.lm.get_input_embeddings()(input_ids)
        prefix = self.prompt.unsqueeze(0).expand(input_ids.size(0), -1, -1)
        return self.lm(inputs_embeds=torch.cat([prefix, embeds], 1), attention_mask=attention_mask, labels=labels)


lm = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
)
model = PromptTuned(lm, 5)
ids = torch.randint(0, 64, (2, 8))
out = model(ids, torch.ones_like(ids), labels=ids)
out.loss.backward()

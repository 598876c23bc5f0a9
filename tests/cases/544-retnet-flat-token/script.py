"""A retention network that reads a prompt in parallel and then continues it recurrently."""
from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class RetNetConfig:
    vocab_size: int = 50
    hidden_size: int = 32
    num_heads: int = 4
    num_layers: int = 2
    eos_token_id: int = 2


class Retention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config.num_heads
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size, bias=False)
        self.out = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.register_buffer("gamma", 1 - 2.0 ** (-3 - torch.arange(self.heads, dtype=torch.float)))

    def forward(self, x, state):
        q, k, v = (t.unflatten(-1, (self.heads, -1)) for t in self.qkv(x).chunk(3, dim=-1))
        outputs = []
        for t in range(x.size(1)):
            update = k[:, t].unsqueeze(-1) * v[:, t].unsqueeze(-2)
            state = update if state is None else self.gamma.view(-1, 1, 1) * state + update
            outputs.append((q[:, t].unsqueeze(-2) @ state).squeeze(-2).flatten(1))
        return self.out(torch.stack(outputs, dim=1)), state


class RetNetForCausalLM(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Retention(config) for _ in range(config.num_layers))
        self.norms = nn.ModuleList(nn.LayerNorm(config.hidden_size) for _ in range(config.num_layers))
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size)

    def forward(self, input_ids, states=None):
        batch_size, seq_length = input_ids.shape
        hidden = self.embed(input_ids)
        states = states or [None] * len(self.layers)
        new_states = []
        for norm, layer, state in zip(self.norms, self.layers, states):
            out, state = layer(norm(hidden), state)
            hidden = hidden + out
            new_states.append(state)
        return self.lm_head(hidden), new_states

    @torch.inference_mode()
    def custom_generate(self, input_ids, max_new_tokens=8, early_stopping=True):
        generated = []
        token, states = input_ids, None
        for _ in range(max_new_tokens):
            logits, states = self(token, states)
            token = logits[:, -1].argmax(dim=-1)
            generated.append(token)
            if early_stopping and (token == self.config.eos_token_id).all():
                break
        return torch.stack(generated, dim=-1)


if __name__ == "__main__":
    torch.manual_seed(1)
    model = RetNetForCausalLM(RetNetConfig()).eval()
    prompts = torch.tensor([[1, 14, 8, 30], [1, 7, 7, 22]])
    print("prompt logits", tuple(model(prompts)[0].shape))
    for prompt, answer in zip(prompts.tolist(), model.custom_generate(prompts).tolist()):
        print(prompt, "->", answer)

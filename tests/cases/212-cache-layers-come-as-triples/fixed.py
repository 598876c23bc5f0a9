"""A vision-language-action policy: the expert's blocks attend to the language model's cached prefix."""
import torch
from torch import nn
from torch.nn import functional as F
from transformers import Qwen2Config, Qwen2Model

WIDTH, HEADS, DEPTH = 32, 4, 2


class ExpertBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x, keys, values):
        q, k, v = (t.unflatten(-1, (HEADS, -1)).transpose(1, 2) for t in self.qkv(self.norm(x)).chunk(3, -1))
        mixed = F.scaled_dot_product_attention(q, torch.cat([keys, k], 2), torch.cat([values, v], 2))
        return x + self.out(mixed.transpose(1, 2).flatten(2))


class ActionExpert(nn.Module):
    def __init__(self, action_dim):
        super().__init__()
        self.lift = nn.Linear(action_dim, WIDTH)
        self.blocks = nn.ModuleList(ExpertBlock() for _ in range(DEPTH))
        self.head = nn.Linear(WIDTH, action_dim)

    def forward(self, actions, prefix):
        x = self.lift(actions)
        for block, (keys, values) in zip(self.blocks, prefix):
            x = block(x, keys, values)
        return self.head(x)


class Policy(nn.Module):
    def __init__(self, action_dim=3, horizon=4):
        super().__init__()
        self.horizon, self.action_dim = horizon, action_dim
        self.language = Qwen2Model(Qwen2Config(
            vocab_size=50, hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=DEPTH,
            num_attention_heads=HEADS, num_key_value_heads=HEADS, max_position_embeddings=64,
        ))
        self.expert = ActionExpert(action_dim)

    def encode_prefix(self, instruction):
        out = self.language(instruction, use_cache=True)
        return [(layer.keys, layer.values) for layer in out.past_key_values.layers]

    @torch.no_grad()
    def predict(self, instruction, steps=4):
        prefix = self.encode_prefix(instruction)
        actions = torch.zeros(instruction.size(0), self.horizon, self.action_dim)
        for _ in range(steps):
            actions = actions + self.expert(actions, prefix) / steps
        return actions


if __name__ == "__main__":
    torch.manual_seed(0)
    policy = Policy().eval()
    instruction = torch.randint(0, 50, (2, 6))
    print("actions", policy.predict(instruction)[:, 0].round(decimals=3).tolist())

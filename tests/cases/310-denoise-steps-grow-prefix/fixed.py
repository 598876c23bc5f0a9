"""Sample action chunks from a flow-matching robot policy: observation prefix once, then a few denoising steps."""
import copy
from dataclasses import dataclass

import torch
from torch import nn
from transformers import GemmaConfig, GemmaModel


@dataclass
class PolicyConfig:
    width: int = 32
    camera_tokens: int = 9
    action_dim: int = 7
    horizon: int = 5
    num_steps: int = 4


def attend_all(rows, queries, keys):
    return torch.zeros(rows, 1, queries, keys)


class FlowPolicy(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.backbone = GemmaModel(GemmaConfig(
            vocab_size=40, hidden_size=config.width, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=1, head_dim=8, max_position_embeddings=128, attn_implementation="eager",
        ))
        self.vision = nn.Linear(12, config.width)
        self.action_in = nn.Linear(config.action_dim, config.width)
        self.time_in = nn.Linear(1, config.width)
        self.action_out = nn.Linear(config.width, config.action_dim)

    def embed_prefix(self, images, instruction):
        return torch.cat([self.vision(images), self.backbone.embed_tokens(instruction)], dim=1)

    def embed_suffix(self, actions, time):
        stamp = self.time_in(time.view(-1, 1)).unsqueeze(1)
        return torch.cat([stamp, self.action_in(actions)], dim=1)

    def encode_prefix(self, images, instruction):
        embeds = self.embed_prefix(images, instruction)
        rows, length, _ = embeds.shape
        out = self.backbone(inputs_embeds=embeds, attention_mask=attend_all(rows, length, length), use_cache=True)
        return out.past_key_values, length

    def denoise_step(self, past_key_values, prefix_len, actions, time):
        embeds = self.embed_suffix(actions, time)
        rows, length, _ = embeds.shape
        positions = prefix_len + torch.arange(length).expand(rows, -1)
        hidden = self.backbone(
            inputs_embeds=embeds, attention_mask=attend_all(rows, length, prefix_len + length), position_ids=positions,
            past_key_values=past_key_values, use_cache=False,
        ).last_hidden_state
        return self.action_out(hidden[:, -self.config.horizon:])

    @torch.no_grad()
    def sample_actions(self, images, instruction, noise=None):
        rows, config = images.size(0), self.config
        actions = torch.randn(rows, config.horizon, config.action_dim) if noise is None else noise
        cache, prefix_len = self.encode_prefix(images, instruction)
        dt = -1.0 / config.num_steps
        for step in range(config.num_steps):
            time = torch.full((rows,), 1.0 + step * dt)
            velocity = self.denoise_step(copy.deepcopy(cache), prefix_len, actions, time)
            actions = actions + dt * velocity
        return actions


def main():
    torch.manual_seed(0)
    config = PolicyConfig()
    policy = FlowPolicy(config).eval()
    observation = {
        "images": torch.randn(2, config.camera_tokens, 12),
        "instruction": torch.tensor([[4, 18, 7, 2], [4, 30, 11, 2]]),
    }
    chunk = policy.sample_actions(**observation)
    print("chunk", tuple(chunk.shape), "first joint", [round(v, 3) for v in chunk[0, :, 0].tolist()])


if __name__ == "__main__":
    main()

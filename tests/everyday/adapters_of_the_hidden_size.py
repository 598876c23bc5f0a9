import torch
import torch.nn as nn
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
torch.set_num_threads(1)
TARGETS = ("q_proj", "v_proj")


class LoRA(nn.Module):
    def __init__(self, base, d_in, d_out, rank=4, alpha=8):
        super().__init__()
        self.base, self.scale = base, alpha / rank
        self.down = nn.Linear(d_in, rank, bias=False)
        self.up = nn.Linear(rank, d_out, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x):
        delta = self.up(self.down(x)) * self.scale
        return self.base(x) + delta


def inject(model, rank=4):
    cfg = model.config
    model.requires_grad_(False)
    for layer in model.model.layers:
        for name in TARGETS:
            proj = getattr(layer.self_attn, name)
            setattr(layer.self_attn, name, LoRA(proj, cfg.hidden_size, cfg.hidden_size, rank))
    return [p for p in model.parameters() if p.requires_grad]


def main():
    cfg = LlamaConfig(
        vocab_size=90,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=8,
        num_key_value_heads=2,
        max_position_embeddings=64,
    )
    model = LlamaForCausalLM(cfg)
    params = inject(model)
    print("trainable", sum(p.numel() for p in params))
    opt = torch.optim.AdamW(params, 1e-3)
    for _ in range(3):
        ids = torch.randint(3, 90, (4, 16))
        loss = model(input_ids=ids, labels=ids).loss
        opt.zero_grad()
        loss.backward()
        opt.step()


main()

import torch
from torch import nn
from transformers import MistralConfig, MistralForCausalLM

torch.set_num_threads(1)
torch.manual_seed(0)

TARGETS = ("q_proj", "v_proj")


class Adapter(nn.Module):
    def __init__(self, d_in, d_out, r):
        super().__init__()
        self.a = nn.Linear(d_in, r, bias=False)
        self.b = nn.Linear(r, d_out, bias=False)
        nn.init.zeros_(self.b.weight)

    def forward(self, x):
        return self.b(self.a(x))


class Adapted(nn.Module):
    def __init__(self, base, adapter, alpha=16.0):
        super().__init__()
        self.base, self.adapter = base, adapter
        self.scale = alpha / adapter.a.out_features

    def forward(self, x):
        return self.base(x) + self.scale * self.adapter(x)


def inject(model, r=8):
    cfg = model.config
    for p in model.parameters():
        p.requires_grad = False
    for layer in model.model.layers:
        for name in TARGETS:
            lin = getattr(layer.self_attn, name)
            setattr(layer.self_attn, name, Adapted(lin, Adapter(cfg.hidden_size, cfg.hidden_size, r)))
    return [p for p in model.parameters() if p.requires_grad]


config = MistralConfig(
    vocab_size=128,
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=3,
    num_attention_heads=8,
    num_key_value_heads=2,
    max_position_embeddings=128,
)
model = MistralForCausalLM(config)
params = inject(model)
print("trainable", sum(p.numel() for p in params))
optim = torch.optim.AdamW(params, lr=1e-3)
data = torch.randint(3, 128, (12, 20))
for step in range(3):
    ids = data[step * 4 : step * 4 + 4]
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    optim.step()
    optim.zero_grad()
    print(step, loss.item())

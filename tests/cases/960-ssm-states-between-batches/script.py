from dataclasses import dataclass, field

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class InferenceParams:
    seqlen_offset: int = 0
    key_value_memory_dict: dict = field(default_factory=dict)

    def reset(self):
        self.seqlen_offset = 0


class SSMBlock(nn.Module):
    def __init__(self, d_model, d_state=4, d_conv=3, layer_idx=0):
        super().__init__()
        self.d_model, self.d_state, self.d_conv, self.layer_idx = d_model, d_state, d_conv, layer_idx
        self.conv1d = nn.Conv1d(d_model, d_model, d_conv, groups=d_model)
        self.x_proj = nn.Linear(d_model, d_model + 2 * d_state)
        self.A_log, self.out_proj = nn.Parameter(torch.zeros(d_model, d_state)), nn.Linear(d_model, d_model)

    def _get_states_from_cache(self, params, batch_size):
        if self.layer_idx not in params.key_value_memory_dict:
            conv_state = torch.zeros(batch_size, self.d_model, self.d_conv)
            ssm_state = torch.zeros(batch_size, self.d_model, self.d_state)
            params.key_value_memory_dict[self.layer_idx] = (conv_state, ssm_state)
        return params.key_value_memory_dict[self.layer_idx]

    def scan(self, x, h):
        dt, B, C = self.x_proj(x).split([self.d_model, self.d_state, self.d_state], dim=-1)
        dA = torch.exp(-F.softplus(dt).unsqueeze(-1) * self.A_log.exp())
        h = h * dA + (F.softplus(dt) * x).unsqueeze(-1) * B.unsqueeze(1)
        return torch.einsum("bdn,bn->bd", h, C), h

    def forward(self, hidden, params):
        conv_state, ssm_state = self._get_states_from_cache(params, hidden.shape[0])
        x = hidden.transpose(1, 2)
        if params.seqlen_offset == 0:
            window = F.pad(x, (self.d_conv - 1, 0))
            conv_state.copy_(F.pad(x, (self.d_conv, 0))[..., -self.d_conv:])
            ssm_state.zero_()
        else:
            conv_state.copy_(torch.cat([conv_state[..., 1:], x], dim=-1))
            window = conv_state
        outs = []
        for x_t in F.silu(self.conv1d(window)).unbind(-1):
            y, h = self.scan(x_t, ssm_state)
            ssm_state.copy_(h)
            outs.append(y)
        return hidden + self.out_proj(torch.stack(outs, dim=1))


@torch.no_grad()
def generate(embed, layers, prompts, params, steps=4):
    params.reset()
    tokens, out = prompts, []
    for _ in range(steps):
        hidden = embed(tokens)
        for layer in layers:
            hidden = layer(hidden, params)
        params.seqlen_offset += tokens.shape[1]
        tokens = (hidden[:, -1] @ embed.weight.t()).argmax(-1, keepdim=True)
        out.append(tokens)
    return torch.cat(out, dim=1)


torch.manual_seed(0)
embed, layers = nn.Embedding(20, 12), nn.ModuleList(SSMBlock(12, layer_idx=i) for i in range(2))
prompts, params = torch.randint(0, 20, (11, 6)), InferenceParams()
for batch in prompts.split(4):
    print(generate(embed, layers, batch, params).tolist())

"""Greedy completion with a small selective state-space language model."""
import torch
import torch.nn.functional as F
from torch import nn


class InferenceParams:
    def __init__(self):
        self.seqlen_offset = 0
        self.states = {}


class Mamba(nn.Module):
    def __init__(self, d_model, layer_idx, d_state=4, d_conv=4, expand=2):
        super().__init__()
        self.d_inner, self.d_state, self.d_conv, self.layer_idx = expand * d_model, d_state, d_conv, layer_idx
        self.in_proj = nn.Linear(d_model, 2 * self.d_inner, bias=False)
        self.conv1d = nn.Conv1d(self.d_inner, self.d_inner, d_conv, groups=self.d_inner, padding=d_conv - 1)
        self.x_proj = nn.Linear(self.d_inner, 2 * d_state + 1, bias=False)
        self.A_log = nn.Parameter(torch.arange(1, d_state + 1).float().log().repeat(self.d_inner, 1))
        self.out_proj = nn.Linear(self.d_inner, d_model, bias=False)

    def scan(self, x, state):
        outputs = []
        for x_t in x.unbind(1):
            dt, b, c = self.x_proj(x_t).split([1, self.d_state, self.d_state], dim=-1)
            dt = F.softplus(dt).unsqueeze(-1)
            decay = torch.exp(-dt * self.A_log.exp())
            state.copy_(state * decay + dt * b.unsqueeze(1) * x_t.unsqueeze(-1))
            outputs.append((state * c.unsqueeze(1)).sum(-1))
        return torch.stack(outputs, 1)

    def forward(self, hidden, params):
        batch, seqlen, _ = hidden.shape
        if self.layer_idx not in params.states:
            params.states[self.layer_idx] = (
                torch.zeros(batch, self.d_inner, self.d_conv), torch.zeros(batch, self.d_inner, self.d_state))
        conv_state, ssm_state = params.states[self.layer_idx]
        x, z = self.in_proj(hidden).transpose(1, 2).chunk(2, dim=1)
        if params.seqlen_offset > 0:
            conv_state.copy_(torch.roll(conv_state, -1, dims=-1))
            conv_state[:, :, -1] = x[:, :, 0]
            x = ((conv_state * self.conv1d.weight.squeeze(1)).sum(-1) + self.conv1d.bias).unsqueeze(-1)
        else:
            conv_state.copy_(F.pad(x, (self.d_conv - seqlen, 0)))
            x = self.conv1d(x)[..., :seqlen]
        y = self.scan(F.silu(x).transpose(1, 2), ssm_state)
        return self.out_proj(y * F.silu(z).transpose(1, 2))


class MambaLM(nn.Module):
    def __init__(self, vocab=128, d_model=16, layers=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, d_model)
        self.layers = nn.ModuleList(Mamba(d_model, i) for i in range(layers))

    @torch.no_grad()
    def generate(self, ids, max_new_tokens):
        params, tokens = InferenceParams(), ids
        for _ in range(max_new_tokens):
            h = self.embed(tokens)
            for layer in self.layers:
                h = h + layer(F.layer_norm(h, h.shape[-1:]), params)
            params.seqlen_offset += tokens.size(1)
            tokens = (h[:, -1:] @ self.embed.weight.T).argmax(-1)
            ids = torch.cat([ids, tokens], 1)
        return ids


if __name__ == "__main__":
    torch.manual_seed(0)
    model = MambaLM().eval()
    for prompt in ("once upon a time", "The sea", "Hi!"):
        ids = torch.tensor([[ord(c) for c in prompt]])
        print(repr(prompt), model.generate(ids, 6)[0, len(prompt):].tolist())

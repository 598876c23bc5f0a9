import torch
import torch.nn as nn
import torch.nn.functional as F

CONFIG = {"linear:int8": {"bitwidth": 8, "group_size": 8}}


class FeedForward(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.w1, self.w3 = nn.Linear(dim, hidden, bias=False), nn.Linear(dim, hidden, bias=False)
        self.w2 = nn.Linear(hidden, dim, bias=False)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class Transformer(nn.Module):
    def __init__(self, vocab=32, dim=24, layers=2):
        super().__init__()
        self.tok_embeddings = nn.Embedding(vocab, dim)
        self.layers = nn.ModuleList(FeedForward(dim, 3 * dim) for _ in range(layers))

    def forward(self, idx):
        x = self.tok_embeddings(idx)
        for layer in self.layers:
            x = x + layer(x)
        return x @ self.tok_embeddings.weight.t()


class WeightOnlyInt8Linear(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.register_buffer("weight", torch.empty((out_features, in_features), dtype=torch.int8))
        self.register_buffer("scales", torch.ones(out_features))

    def forward(self, x):
        groups = self.scales.view(self.weight.shape[0], -1)
        weight = self.weight.to(x.dtype).unflatten(1, (groups.shape[1], -1)) * groups.unsqueeze(-1)
        return F.linear(x, weight.flatten(1))


class Int8Quantizer:
    def __init__(self, model, bitwidth, group_size):
        self.model, self.group_size, self.quant_max = model, group_size, 2 ** (bitwidth - 1) - 1

    def create_quantized_state_dict(self):
        state = self.model.state_dict()
        for name, module in self.model.named_modules():
            if isinstance(module, nn.Linear):
                grouped = module.weight.detach().unflatten(1, (-1, self.group_size or module.in_features))
                scales = grouped.abs().amax(-1) / self.quant_max
                state[f"{name}.weight"] = (grouped / scales.unsqueeze(-1)).round().flatten(1).to(torch.int8)
                state[f"{name}.scales"] = scales if self.group_size else scales.flatten()
        return state

    def convert(self, module):
        for name, child in module.named_children():
            if isinstance(child, nn.Linear):
                setattr(module, name, WeightOnlyInt8Linear(child.in_features, child.out_features))
            else:
                self.convert(child)

    def quantized_model(self):
        state = self.create_quantized_state_dict()
        self.convert(self.model)
        self.model.load_state_dict(state)
        return self.model.eval()


torch.manual_seed(0)
model, prompt = Transformer(), torch.randint(0, 32, (1, 6))
reference = model(prompt)
quantized = Int8Quantizer(model, **CONFIG["linear:int8"]).quantized_model()
print("max logit error", round((quantized(prompt) - reference).abs().max().item(), 4))

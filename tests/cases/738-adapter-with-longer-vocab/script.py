"""Load a low-rank adapter, trained elsewhere, on top of a base model and merge it."""
import io

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

BASE_VOCAB, EXTRA_TOKENS = 64, 6
RANK, ALPHA = 4, 8


class LoraLinear(nn.Module):
    def __init__(self, base):
        super().__init__()
        self.base = base
        self.lora_A = nn.Linear(base.in_features, RANK, bias=False)
        self.lora_B = nn.Linear(RANK, base.out_features, bias=False)
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, x):
        return self.base(x) + self.lora_B(self.lora_A(x)) * (ALPHA / RANK)

    def merged(self):
        self.base.weight.data += self.lora_B.weight @ self.lora_A.weight * (ALPHA / RANK)
        return self.base


def base_model():
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=BASE_VOCAB, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=64,
    ))


def add_adapter(model):
    for layer in model.model.layers:
        layer.self_attn.q_proj = LoraLinear(layer.self_attn.q_proj)
        layer.self_attn.v_proj = LoraLinear(layer.self_attn.v_proj)
    return model


def published_adapter():
    """The file as the authors made it: low-rank matrices, embeddings and output layer."""
    model = base_model()
    model.resize_token_embeddings(BASE_VOCAB + EXTRA_TOKENS, mean_resizing=False)
    add_adapter(model)
    ids = torch.randint(0, BASE_VOCAB + EXTRA_TOKENS, (2, 9))
    model(ids, labels=ids).loss.backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    keep = ("lora_", "embed_tokens", "lm_head")
    file = io.BytesIO()
    torch.save({k: v for k, v in model.state_dict().items() if any(part in k for part in keep)}, file)
    return file


def load_for_chat(file):
    file.seek(0)
    adapter = torch.load(file)
    model = base_model()
    model = add_adapter(model)
    result = model.load_state_dict(adapter, strict=False)
    print(len(adapter), "tensors in the adapter,", len(result.unexpected_keys), "not used")
    return merge(model).eval()


def merge(model):
    for layer in model.model.layers:
        layer.self_attn.q_proj = layer.self_attn.q_proj.merged()
        layer.self_attn.v_proj = layer.self_attn.v_proj.merged()
    return model


def main():
    model = load_for_chat(published_adapter())
    ids = torch.tensor([[BASE_VOCAB + 1, 5, 9, 12, BASE_VOCAB + 2]])
    with torch.no_grad():
        print("next token", model(ids).logits[0, -1].argmax().item())


main()

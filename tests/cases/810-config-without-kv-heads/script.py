"""Collect squared weight gradients of a LLaMA checkpoint, the sensitivities for a later quantization."""
import json
import os
import tempfile

import torch
from transformers import LlamaConfig, LlamaForCausalLM

SIZE_KEYS = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "max_position_embeddings", "rms_norm_eps",
)
RELEASES = {
    "llama-2-7b": {"hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 4},
    "llama-2-70b": {"hidden_size": 64, "num_attention_heads": 8, "num_key_value_heads": 2},
}


def publish(folder, name):
    """Stand-in for the download: a config.json and the weights next to it."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=96, intermediate_size=128, num_hidden_layers=2, max_position_embeddings=64, **RELEASES[name]
    )
    path = os.path.join(folder, name)
    os.makedirs(path)
    with open(os.path.join(path, "config.json"), "w") as f:
        json.dump(config.to_dict(), f, default=str)
    torch.save(LlamaForCausalLM(config).state_dict(), os.path.join(path, "weights.pt"))
    return path


def load(path):
    with open(os.path.join(path, "config.json")) as f:
        published = json.load(f)
    config = LlamaConfig(**{key: published[key] for key in SIZE_KEYS}, use_cache=False)
    model = LlamaForCausalLM(config)
    model.load_state_dict(torch.load(os.path.join(path, "weights.pt")))
    return model


def sensitivities(model, batches):
    squares = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    for ids in batches:
        model.zero_grad()
        model(ids, labels=ids).loss.backward()
        for name, p in model.named_parameters():
            squares[name] += p.grad ** 2
    return squares


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for name in RELEASES:
            model = load(publish(folder, name))
            squares = sensitivities(model, torch.randint(0, 96, (3, 2, 12)))
            top = max(squares, key=lambda n: squares[n].mean().item())
            print(f"{name:<12} {len(squares)} tensors, most sensitive {top}")

import glob
import os
import tempfile

import torch
import torch.nn as nn

DIM, HEADS_DIM, N_LAYERS, SHARDS = 32, 32, 2, 2
JOIN_DIM = {"wq": 0, "wk": 0, "wv": 0, "wo": 1, "output": 0, "tok_embeddings": 1}


def get_subset(title, weight, shards, shard):
    if title in JOIN_DIM:
        dim = JOIN_DIM[title]
        step = weight.shape[dim] // shards
        subset = (slice(step * shard, step * (shard + 1)), slice(None))
        return subset[::-1] if dim == 1 else subset
    return tuple(slice(None) for _ in weight.shape)


def save_base_model(path):
    gen = torch.Generator().manual_seed(0)
    weights = {"tok_embeddings": torch.randn(50, DIM, generator=gen), "output": torch.randn(50, DIM, generator=gen)}
    weights["norm"] = torch.ones(DIM)
    for layer in range(N_LAYERS):
        for name in ("wq", "wk", "wv", "wo"):
            weights[f"layers.{layer}.attention.{name}"] = torch.randn(DIM, HEADS_DIM, generator=gen) * 0.05
    for shard in range(SHARDS):
        state = {}
        for key, weight in weights.items():
            subset = get_subset(key.split(".")[-1], weight, SHARDS, shard)
            state[f"{key}.weight"] = weight[subset].clone()
        torch.save(state, os.path.join(path, f"consolidated.{shard:02d}.pth"))


def finetune_lora(rank=4):
    gen = torch.Generator().manual_seed(1)
    lora = {}
    for layer in range(N_LAYERS):
        for key in ("q", "v"):
            lora[f"{key}_lora_{layer}.A.weight"] = torch.randn(rank, DIM, generator=gen) * 0.1
            lora[f"{key}_lora_{layer}.B.weight"] = nn.Parameter(torch.ones(HEADS_DIM, rank) * 0.01).detach()
    return lora


def add_lora(path, lora, scale=2.0):
    paths = sorted(glob.glob(os.path.join(path, "consolidated.*.pth")))
    for shard, checkpoint_path in enumerate(paths):
        checkpoint = torch.load(checkpoint_path, map_location="cpu")
        for layer in range(N_LAYERS):
            for key in ("v", "q"):
                local_path = f"attention.w{key}"
                checkpoint_key = f"layers.{layer}.{local_path}.weight"
                delta = lora[f"{key}_lora_{layer}.B.weight"] @ lora[f"{key}_lora_{layer}.A.weight"] * scale
                subset = get_subset(local_path, delta, len(paths), shard)
                checkpoint[checkpoint_key] = checkpoint[checkpoint_key] + delta[subset]
        torch.save(checkpoint, checkpoint_path)
        print("merged", os.path.basename(checkpoint_path))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        save_base_model(folder)
        lora = finetune_lora()
        add_lora(folder, lora)
        parts = [torch.load(p) for p in sorted(glob.glob(os.path.join(folder, "*.pth")))]
        wq = torch.cat([part["layers.0.attention.wq.weight"] for part in parts], dim=JOIN_DIM["wq"])
        print("wq", tuple(wq.shape), "mean", round(wq.mean().item(), 5))

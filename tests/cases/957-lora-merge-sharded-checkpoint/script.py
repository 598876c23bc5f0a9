import glob
import os
import tempfile

import torch

DIM, LAYERS, RANK, ALPHA = 16, 2, 4, 8

join_dim = {"attention.wq": 0, "attention.wk": 0, "attention.wv": 0, "attention.wo": 1, "output": 0}


def get_subset(title, weight_subset, index):
    if title not in join_dim:
        return tuple(slice(None) for _ in weight_subset.shape)
    jdim = join_dim[title]
    step = weight_subset.shape[jdim]
    subset = (slice(step * index, step * (index + 1)), slice(None))
    return subset if jdim == 0 else subset[::-1]


def write_checkpoint(path, shards):
    full = {f"layers.{i}.{t}.weight": torch.randn(DIM, DIM) for i in range(LAYERS) for t in join_dim if t != "output"}
    for s in range(shards):
        part = {}
        for key, w in full.items():
            jdim = join_dim[key.split(".", 2)[2].removesuffix(".weight")]
            part[key] = w.chunk(shards, dim=jdim)[s].clone()
        torch.save(part, os.path.join(path, f"consolidated.{s:02d}.pth"))


def load_model(path):
    weights = {}
    for ci, checkpoint_path in enumerate(sorted(glob.glob(f"{path}/consolidated.*.pth"))):
        for key, subset in torch.load(checkpoint_path).items():
            target = weights.setdefault(key, torch.zeros(DIM, DIM))
            target[get_subset(key.split(".", 2)[2].removesuffix(".weight"), subset, ci)] = subset
    return weights


def add_lora(model_path, lora_weights):
    paths = sorted(glob.glob(f"{model_path}/consolidated.*.pth"))
    lora = []
    for layer in range(LAYERS):
        lora.append({k: lora_weights[f"{k}_lora_{layer}.B.weight"].mm(lora_weights[f"{k}_lora_{layer}.A.weight"])
                     * ALPHA / RANK for k in ("v", "q")})
    for ci, checkpoint_path in enumerate(paths):
        checkpoint = torch.load(checkpoint_path)
        for layer in range(LAYERS):
            for attn_key in ("v", "q"):
                local_path = f"attention.w{attn_key}"
                checkpoint_key = f"layers.{layer}.{local_path}.weight"
                subset = get_subset(local_path, lora[layer][attn_key], ci)
                checkpoint[checkpoint_key] = checkpoint[checkpoint_key] + lora[layer][attn_key][subset]
        torch.save(checkpoint, checkpoint_path)


if __name__ == "__main__":
    torch.manual_seed(0)
    adapter = {f"{k}_lora_{i}.{m}.weight": torch.randn(*((RANK, DIM) if m == "A" else (DIM, RANK)))
               for k in "vq" for i in range(LAYERS) for m in "AB"}
    for size, shards in (("7b", 1), ("13b", 2)):
        with tempfile.TemporaryDirectory() as folder:
            write_checkpoint(folder, shards)
            before = load_model(folder)
            add_lora(folder, adapter)
            after = load_model(folder)
            moved = sum((after[k] - before[k]).norm().item() for k in before)
            print(f"llama2-{size}: merged into {shards} shard(s), total change {moved:.3f}")

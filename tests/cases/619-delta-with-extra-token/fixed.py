"""Rebuild fine-tuned weights from a base checkpoint and a published weight delta."""
import os
import tempfile

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

logging.disable_progress_bar()

BASE_WORDS = ["<unk>", "<s>", "</s>"] + [f"w{i}" for i in range(61)]
RELEASES = {"v1.1": [], "v0": ["[PAD]"]}


def build_base(path):
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=len(BASE_WORDS), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=64,
    ))
    model.save_pretrained(path)


def grow(model, vocab_size):
    """New embedding rows start at zero."""
    before = model.config.vocab_size
    model.resize_token_embeddings(vocab_size, mean_resizing=False)
    with torch.no_grad():
        model.get_input_embeddings().weight[before:] = 0
        model.get_output_embeddings().weight[before:] = 0
    return model


def finetune(base_path, words):
    model = grow(LlamaForCausalLM.from_pretrained(base_path), len(words))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    ids = torch.randint(3, len(words), (4, 12))
    for _ in range(3):
        loss = model(ids, labels=ids).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def publish(base_path, delta_path, words):
    tuned = finetune(base_path, words)
    base = grow(LlamaForCausalLM.from_pretrained(base_path), len(words)).state_dict()
    reference = {name: value.clone() for name, value in tuned.state_dict().items()}
    for name, value in tuned.state_dict().items():
        value.data -= base[name]
    tuned.save_pretrained(delta_path)
    return reference


def apply_delta(base_path, target_path, delta_path):
    delta = LlamaForCausalLM.from_pretrained(delta_path)
    base = grow(LlamaForCausalLM.from_pretrained(base_path), delta.config.vocab_size)
    delta_state = delta.state_dict()
    for name, param in base.state_dict().items():
        assert name in delta_state
        param.data += delta_state[name]
    base.save_pretrained(target_path)
    return base


def main():
    with tempfile.TemporaryDirectory() as root:
        base_path = os.path.join(root, "llama")
        build_base(base_path)
        for version, added in RELEASES.items():
            delta_path = os.path.join(root, f"delta-{version}")
            reference = publish(base_path, delta_path, BASE_WORDS + added)
            model = apply_delta(base_path, os.path.join(root, f"chat-{version}"), delta_path)
            worst = max((model.state_dict()[n] - w).abs().max().item() for n, w in reference.items())
            print(f"{version}: {len(reference)} tensors, largest difference {worst:.1e}")


if __name__ == "__main__":
    main()

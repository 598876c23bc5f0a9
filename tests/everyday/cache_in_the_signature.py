"""Answer several independent chats with one model, reusing keys and values inside a chat."""

import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

CHATS = {
    "anna": [[5, 19, 33, 8], [40, 41, 7]],
    "bert": [[12, 60, 61], [22, 9, 9, 30]],
    "anna again": [[5, 19, 33, 8], [40, 41, 7]],
}


def make_model():
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=72,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=256,
        initializer_range=0.4,
    )
    return LlamaForCausalLM(config).eval()


@torch.no_grad()
def say(model, tokens, cache, limit):
    words = []
    step = torch.tensor([tokens])
    while len(words) < limit:
        logits = model(step, past_key_values=cache, use_cache=True).logits
        step = logits[:, -1:].argmax(-1)
        words.append(step.item())
    return words


def reply(model, turns, limit=4, cache=DynamicCache()):
    answers, pending = [], []
    for turn in turns:
        words = say(model, pending + turn, cache, limit)
        pending = words[-1:]
        answers.append(words)
    return answers


def main():
    model = make_model()
    for name, turns in CHATS.items():
        print(f"{name:11}", reply(model, turns))


if __name__ == "__main__":
    main()

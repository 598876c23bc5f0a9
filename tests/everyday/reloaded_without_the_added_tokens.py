"""Fine-tune with extra control tokens, then reload the run for evaluation."""

import os
import tempfile

import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

CONTROL = ["<plan>", "</plan>", "<tool>"]


def base_vocab():
    words = "<eos> <pad> open the red door and take a key".split()
    return {w: k for k, w in enumerate(words)}


def build(vocab):
    torch.manual_seed(0)
    return GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=len(vocab),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=32,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


def encode(vocab, text):
    return torch.tensor([[vocab[w] for w in text.split()]])


def finetune(path, text, steps=3):
    vocab = base_vocab()
    model = build(vocab)
    for token in CONTROL:
        vocab[token] = len(vocab)
    model.resize_token_embeddings(len(vocab))
    opt = torch.optim.AdamW(model.parameters(), 1e-2)
    ids = encode(vocab, text)
    for _ in range(steps):
        loss = model(ids, labels=ids).loss
        opt.zero_grad()
        loss.backward()
        opt.step()
    torch.save(model.state_dict(), path)
    return loss.item()


@torch.no_grad()
def evaluate(path, text):
    vocab = base_vocab()
    model = build(vocab).eval()
    model.load_state_dict(torch.load(path))
    ids = encode(vocab, text)
    return model(ids, labels=ids).loss.item()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "last.pt")
        print("train %.3f" % finetune(path, "<plan> open the door </plan> <tool> take a key"))
        print("eval  %.3f" % evaluate(path, "open the red door and take the key"))

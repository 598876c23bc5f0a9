"""Interactive conditional samples from a byte-level GPT-2."""
import torch
from transformers import GPT2Config, GPT2LMHeadModel

PROMPTS = [
    "In the beginning",
    "The committee met on Tuesday to look at a plan",
]


def get_model(n_positions=64):
    torch.manual_seed(4)
    return GPT2LMHeadModel(GPT2Config(
        vocab_size=257, n_positions=n_positions, n_embd=32, n_layer=2, n_head=4, initializer_range=0.2,
        bos_token_id=256, eos_token_id=256,
    )).eval()


def encode(text):
    return list(text.encode("utf-8"))


def decode(ids):
    return bytes(i for i in ids if i < 256).decode("utf-8", errors="replace")


def fit_context(model, ids, length):
    return ids[-(model.config.n_positions - length):]


def sample(model, text, length=None, nsamples=2):
    length = length or model.config.n_positions // 2
    ids = fit_context(model, encode(text), length)
    context = torch.tensor([ids] * nsamples)
    out = model.generate(
        context, attention_mask=torch.ones_like(context), max_new_tokens=length, min_new_tokens=length,
        do_sample=True, top_k=40, pad_token_id=256,
    )
    return [decode(row[len(ids):].tolist()) for row in out]


def interact():
    model = get_model()
    torch.manual_seed(0)
    for text in PROMPTS:
        print("=" * 20, text[:20], "=" * 20)
        for number, continuation in enumerate(sample(model, text), 1):
            print("sample", number, "length", len(continuation))


interact()

"""Prefill on one node, decode on another: KV moved as flat pages of [token, head, dim]."""

import io

import torch
from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel

torch.set_num_threads(1)
torch.manual_seed(0)
PAGE = 4
cfg = GPT2Config(vocab_size=60, n_embd=48, n_layer=2, n_head=6, n_positions=64, bos_token_id=0, eos_token_id=0)
model = GPT2LMHeadModel(cfg).eval()


def to_blocks(cache):
    pages = []
    for layer in cache.layers:
        kv = torch.stack([layer.keys, layer.values]).transpose(2, 3)
        pages.append(kv.split(PAGE, dim=2))
    return pages


def send(pages):
    buf = io.BytesIO()
    torch.save(pages, buf)
    return buf.getvalue()


def receive(data):
    pages = torch.load(io.BytesIO(data))
    cache = DynamicCache()
    for i, layer_pages in enumerate(pages):
        blob = torch.cat(layer_pages, dim=2)
        k, v = blob[0], blob[1]
        cache.update(k, v, i)
    return cache


@torch.no_grad()
def prefill(ids):
    out = model(input_ids=ids, use_cache=True)
    return out.logits[:, -1:].argmax(-1), send(to_blocks(out.past_key_values))


@torch.no_grad()
def decode(token, data, start, steps=6):
    cache, got = receive(data), [token]
    for s in range(steps):
        pos = torch.full_like(token, start + s)
        out = model(input_ids=token, position_ids=pos, past_key_values=cache)
        token = out.logits[:, -1:].argmax(-1)
        got.append(token)
    return torch.cat(got, dim=1)


prompts = torch.randint(1, 60, (2, 11))
first, wire = prefill(prompts)
print(decode(first, wire, start=11))

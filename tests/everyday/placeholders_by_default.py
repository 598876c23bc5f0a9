import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

IMG = 63
cfg = LlamaConfig(
    vocab_size=64,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=1,
    num_attention_heads=4,
    num_key_value_heads=2,
)
llm = LlamaForCausalLM(cfg).eval()
vision = nn.Conv2d(3, 32, 8, 8)


def prompt(text, tokens_per_image=9):
    return [1] + [IMG] * tokens_per_image + text


def fuse(ids, images):
    embeds = llm.get_input_embeddings()(ids)
    feats = vision(images).flatten(2).transpose(1, 2).reshape(-1, 32)
    mask = ids == IMG
    embeds[mask] = feats
    return llm(inputs_embeds=embeds).logits


with torch.no_grad():
    print(fuse(torch.tensor([prompt([5, 6, 7])]), torch.rand(1, 3, 32, 32)).shape)

import torch
from transformers import BertConfig, BertModel

model = BertModel(
    BertConfig(vocab_size=50, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64)
).eval()


def block_mask(segments):
    return segments[:, :, None] == segments[:, None, :]


def encode(docs):
    ids = torch.tensor([[t for d in docs for t in d]])
    seg = torch.tensor([[i for i, d in enumerate(docs) for _ in d]])
    mask = block_mask(seg)[:, :-1]
    return model(ids, attention_mask=mask.long()).last_hidden_state


print(encode([[3, 4, 5], [6, 7], [8, 9, 10]]).shape)

import torch
from torch import nn

model = nn.Transformer(d_model=32, nhead=4, num_encoder_layers=1, num_decoder_layers=1)
src_embed = nn.Embedding(50, 32)
tgt_embed = nn.Embedding(60, 32)
src = torch.randint(0, 50, (16, 12))
tgt = torch.randint(0, 60, (16, 9))
out = model(src_embed(src), tgt_embed(tgt[:, :-1]))
print(out.shape)

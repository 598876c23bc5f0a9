from types import SimpleNamespace

import torch
import torch.nn as nn


class PatchEmbedding(nn.Module):
    def __init__(self, d_model, patch_len, stride):
        super().__init__()
        self.patch_len, self.stride = patch_len, stride
        self.pad = nn.ReplicationPad1d((0, stride))
        self.proj = nn.Linear(patch_len, d_model)

    def forward(self, x):
        patches = self.pad(x).unfold(-1, self.patch_len, self.stride)
        return self.proj(patches.flatten(0, 1))


class Encoder(nn.Module):
    """Causal encoder, shared by pretraining and classification."""

    def __init__(self, d_model, n_heads, e_layers):
        super().__init__()
        self.start = nn.Parameter(torch.randn(1, 1, d_model) * 0.02)
        layer = nn.TransformerEncoderLayer(d_model, n_heads, 2 * d_model, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, e_layers, enable_nested_tensor=False)

    def forward(self, x):
        x = torch.cat([self.start.expand(x.size(0), -1, -1), x], dim=1)
        mask = nn.Transformer.generate_square_subsequent_mask(x.size(1))
        return self.layers(x, mask=mask)


class ClsHead(nn.Module):
    def __init__(self, in_features, num_classes):
        super().__init__()
        self.flatten = nn.Flatten(start_dim=1)
        self.linear = nn.Linear(in_features, num_classes)

    def forward(self, x):
        return self.linear(self.flatten(x))


class Model(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.enc_in = args.enc_in
        self.embedding = PatchEmbedding(args.d_model, args.patch_len, args.stride)
        self.encoder = Encoder(args.d_model, args.n_heads, args.e_layers)
        seq_len = (args.input_len - args.patch_len) // args.stride + 3
        self.head = ClsHead(args.enc_in * seq_len * args.d_model, args.num_classes)

    def forward(self, x):
        x = (x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + 1e-5)
        z = self.encoder(self.embedding(x.transpose(1, 2)))
        return self.head(z.unflatten(0, (-1, self.enc_in)))


args = SimpleNamespace(
    enc_in=2, input_len=96, patch_len=12, stride=12, d_model=16, n_heads=4, e_layers=2, num_classes=5, batch_size=8,
)
torch.manual_seed(2024)
model = Model(args)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
print("parameters", sum(p.numel() for p in model.parameters()))
for epoch in range(3):
    batch_x = torch.randn(args.batch_size, args.input_len, args.enc_in).cumsum(1)
    label = torch.randint(0, args.num_classes, (args.batch_size,))
    loss = nn.functional.cross_entropy(model(batch_x), label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.3f}")

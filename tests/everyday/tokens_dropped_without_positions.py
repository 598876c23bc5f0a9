import torch
from torch import nn
from transformers import PhiConfig, PhiModel

torch.set_num_threads(1)
torch.manual_seed(0)


class PrunedVLM(nn.Module):
    """Drops the least attended picture tokens after a given layer."""

    def __init__(self, config, cut_after=1, ratio=0.5):
        super().__init__()
        self.core = PhiModel(config)
        self.project = nn.Linear(20, config.hidden_size)
        self.cut_after, self.ratio = cut_after, ratio

    def select(self, h, n_img):
        """Indices that stay, in order."""
        query = h[:, -1:]
        rank = (query @ h[:, :n_img].transpose(1, 2)).squeeze(1)
        best = rank.topk(int(n_img * self.ratio), dim=-1).indices.sort(-1).values
        text = torch.arange(n_img, h.shape[1]).expand(h.shape[0], -1)
        return torch.cat([best, text], dim=1)

    def forward(self, image, input_ids):
        img = self.project(image)
        h = torch.cat([img, self.core.embed_tokens(input_ids)], dim=1)
        n_img = img.shape[1]
        positions = torch.arange(h.shape[1]).expand(h.shape[0], -1)
        cos_sin = self.core.rotary_emb(h, positions)
        for i, layer in enumerate(self.core.layers):
            out = layer(h, attention_mask=None, position_embeddings=cos_sin)
            h = out[0] if isinstance(out, tuple) else out
            if i == self.cut_after:
                stay = self.select(h, n_img)
                h = h.gather(1, stay[..., None].expand(-1, -1, h.shape[-1]))
        return self.core.final_layernorm(h)[:, -1]


config = PhiConfig(
    vocab_size=64,
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=4,
    num_attention_heads=4,
    max_position_embeddings=128,
    partial_rotary_factor=0.5,
)
net = PrunedVLM(config).eval()
with torch.no_grad():
    emb = net(torch.rand(2, 16, 20), torch.randint(1, 64, (2, 7)))
print(emb.norm(dim=-1))

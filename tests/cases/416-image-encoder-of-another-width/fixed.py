import torch
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

ENCODERS = {
    "sd-image-variations": dict(hidden_size=48, projection_dim=24),
    "ip-adapter": dict(hidden_size=64, projection_dim=32),
}
INFERENCE = {
    "image_encoder": "sd-image-variations",
    "unet": {"channels": 4, "model_dim": 40, "cross_attention_dim": 24, "heads": 4},
    "steps": 2,
}


def load_image_encoder(name):
    cfg = CLIPVisionConfig(
        image_size=32, patch_size=8, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, **ENCODERS[name]
    )
    return CLIPVisionModelWithProjection(cfg).eval()


class CrossAttention(nn.Module):
    def __init__(self, dim, context_dim, heads):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(dim, dim, bias=False)
        self.to_k = nn.Linear(context_dim, dim, bias=False)
        self.to_v = nn.Linear(context_dim, dim, bias=False)
        self.to_out = nn.Linear(dim, dim)

    def split(self, t):
        return t.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x, context):
        q, k, v = self.split(self.to_q(x)), self.split(self.to_k(context)), self.split(self.to_v(context))
        out = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.to_out(out.transpose(1, 2).flatten(2))


class ReferenceUNet(nn.Module):
    def __init__(self, channels, model_dim, cross_attention_dim, heads):
        super().__init__()
        self.conv_in, self.conv_out = nn.Conv2d(channels, model_dim, 3, padding=1), nn.Conv2d(model_dim, channels, 1)
        self.attn = CrossAttention(model_dim, cross_attention_dim, heads)

    def forward(self, latents, states):
        h = self.conv_in(latents)
        tokens = h.flatten(2).transpose(1, 2)
        tokens = tokens + self.attn(tokens, states)
        return self.conv_out(tokens.transpose(1, 2).view_as(h))


@torch.no_grad()
def animate(config, reference):
    encoder, unet = load_image_encoder(config["image_encoder"]), ReferenceUNet(**config["unet"]).eval()
    embeds = encoder(reference).image_embeds.unsqueeze(1)
    states = torch.cat([torch.zeros_like(embeds), embeds])
    latents = torch.randn(1, 4, 8, 8)
    for _ in range(config["steps"]):
        uncond, cond = unet(latents.repeat(2, 1, 1, 1), states).chunk(2)
        latents = latents - 0.1 * (uncond + 3.5 * (cond - uncond))
    return latents


torch.manual_seed(0)
frame = animate(INFERENCE, torch.rand(1, 3, 32, 32))
print("latent frame", tuple(frame.shape), "std %.3f" % frame.std())

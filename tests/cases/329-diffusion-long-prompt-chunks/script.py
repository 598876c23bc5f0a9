import torch
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

BOS, EOS, CHUNK = 1, 2, 14


class PromptEncoder:
    """Prompts longer than the text model's window are encoded piece by piece."""

    def __init__(self, text_model):
        self.text_model = text_model.eval()
        self.vocab = {}

    def tokenize(self, text):
        words = text.replace(",", " , ").split()
        return [self.vocab.setdefault(w, len(self.vocab) + 3) for w in words]

    def pieces(self, prompts):
        rows = [self.tokenize(p) for p in prompts]
        count = max(1, *(-(-len(r) // CHUNK) for r in rows))
        for i in range(count):
            part = [r[i * CHUNK:(i + 1) * CHUNK] for r in rows]
            yield torch.tensor([[BOS, *p] + [EOS] * (CHUNK + 1 - len(p)) for p in part])

    @torch.no_grad()
    def __call__(self, prompts):
        states = [self.text_model(ids).last_hidden_state for ids in self.pieces(prompts)]
        return torch.cat(states, dim=1)


class Denoiser(nn.Module):
    def __init__(self, channels, context_dim, width=32):
        super().__init__()
        self.proj_in, self.proj_out = nn.Linear(channels, width), nn.Linear(width, channels)
        self.attn = nn.MultiheadAttention(width, 4, kdim=context_dim, vdim=context_dim, batch_first=True)
        self.time = nn.Embedding(100, width)

    def forward(self, x, t, context):
        h = self.proj_in(x.flatten(2).transpose(1, 2)) + self.time(t)[:, None]
        h = h + self.attn(h, context, context, need_weights=False)[0]
        return self.proj_out(h).transpose(1, 2).reshape(x.shape)


class CFGDenoiser(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.inner_model = model

    def forward(self, x, t, cond, uncond, scale):
        cond_in = torch.cat([uncond, cond])
        low, high = self.inner_model(torch.cat([x, x]), torch.cat([t, t]), cond_in).chunk(2)
        return low + (high - low) * scale


@torch.no_grad()
def txt2img(encoder, denoiser, prompt, negative="", steps=4, scale=7.5, samples=2):
    cond = encoder([prompt] * samples)
    uncond = encoder([negative] * samples)
    x = torch.randn(samples, 4, 8, 8)
    for i in reversed(range(steps)):
        t = torch.full((samples,), i * 20)
        x = x - denoiser(x, t, cond, uncond, scale) / steps
    return x


def main():
    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=120, hidden_size=24, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=CHUNK + 2, bos_token_id=BOS, eos_token_id=EOS, pad_token_id=EOS,
    )
    encoder = PromptEncoder(CLIPTextModel(config))
    denoiser = CFGDenoiser(Denoiser(4, 24)).eval()
    queue = [
        ("a watercolor of a lighthouse at dusk", "blurry"),
        ("a watercolor of a lighthouse at dusk, storm clouds, gulls over the pier, volumetric light, highly detailed, artstation", "blurry"),
    ]
    for job, (prompt, negative) in enumerate(queue):
        image = txt2img(encoder, denoiser, prompt, negative)
        print("job", job, tuple(image.shape), "std %.3f" % image.std())


main()

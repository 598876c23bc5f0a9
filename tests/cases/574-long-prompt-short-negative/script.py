import torch
import torch.nn.functional as F
from torch import nn

WINDOW = 12
NEGATIVE = "blurry, low quality"


class TextEncoder(nn.Module):
    """Encodes a text in windows of a fixed number of tokens, as the frozen encoder was trained."""

    def __init__(self, width=24, vocab=97):
        super().__init__()
        self.vocab = vocab
        self.tokens, self.positions = nn.Embedding(vocab, width), nn.Embedding(WINDOW, width)
        self.mix = nn.TransformerEncoderLayer(width, 4, 48, dropout=0.0, batch_first=True)

    def tokenize(self, text, windows=None):
        ids = [1 + sum(map(ord, word)) % (self.vocab - 1) for word in text.replace(",", " ,").split()]
        windows = windows or -(-len(ids) // WINDOW)
        ids += [0] * (windows * WINDOW - len(ids))
        return torch.tensor(ids).view(windows, WINDOW)

    def forward(self, text, windows=None):
        ids = self.tokenize(text, windows)
        hidden = self.mix(self.tokens(ids) + self.positions.weight)
        return hidden.flatten(0, 1)


class VideoBlock(nn.Module):
    def __init__(self, dim=32, context=24, heads=4):
        super().__init__()
        self.heads = heads
        self.q, self.kv, self.out = nn.Linear(dim, dim), nn.Linear(context, 2 * dim), nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x, context):
        q = self.q(self.norm(x)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k, v = self.kv(context).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class VideoPipeline:
    def __init__(self, channels=4, dim=32):
        self.text_encoder = TextEncoder().eval()
        self.patch, self.unpatch = nn.Linear(channels, dim), nn.Linear(dim, channels)
        self.blocks = nn.ModuleList(VideoBlock(dim) for _ in range(2)).eval()

    def encode_prompt(self, prompt, negative_prompt):
        positive = self.text_encoder(prompt)
        negative = self.text_encoder(negative_prompt)
        return positive.unsqueeze(0), negative.unsqueeze(0)

    @torch.no_grad()
    def __call__(self, prompt, frames=3, steps=4, guidance=6.0, negative_prompt=NEGATIVE):
        prompt_embeds, negative_embeds = self.encode_prompt(prompt, negative_prompt)
        context = torch.cat([negative_embeds, prompt_embeds])
        latents = torch.randn(1, frames * 16, 4)
        for _ in range(steps):
            x = self.patch(torch.cat([latents] * 2))
            for block in self.blocks:
                x = block(x, context)
            uncond, cond = self.unpatch(x).chunk(2)
            latents = latents - 0.05 * (uncond + guidance * (cond - uncond))
        return latents.view(1, frames, 4, 4, 4)


if __name__ == "__main__":
    torch.manual_seed(0)
    pipe = VideoPipeline()
    for prompt in (
        "a golden retriever runs along the beach",
        "an old fisherman mends his net at dawn, gulls circle above the harbour, warm light, shallow depth of field",
    ):
        video = pipe(prompt)
        print(len(prompt.split()), "words", tuple(video.shape), "std", round(video.std().item(), 3))

"""Edit an image by instruction: three guidance branches through one small denoiser."""
import torch
from torch import nn

CHUNK = 75


class TextEncoder(nn.Module):
    """Encodes prompts of any length in chunks of 75 words, each with a start and an end token."""

    def __init__(self, vocab=500, width=32):
        super().__init__()
        self.vocab = vocab
        self.tokens = nn.Embedding(vocab, width)
        self.positions = nn.Embedding(CHUNK + 2, width)
        self.layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True)

    def words_to_chunks(self, prompt):
        ids = [3 + sum(map(ord, w)) % (self.vocab - 3) for w in prompt.replace(",", " , ").split()]
        chunks = [ids[i:i + CHUNK] for i in range(0, len(ids), CHUNK)] or [[]]
        return [[0] + c + [1] * (CHUNK + 1 - len(c)) for c in chunks]

    def forward(self, prompt):
        ids = torch.tensor(self.words_to_chunks(prompt))
        h = self.tokens(ids) + self.positions(torch.arange(CHUNK + 2))
        return self.layer(h).flatten(0, 1).unsqueeze(0)


class Denoiser(nn.Module):
    def __init__(self, channels=4, width=32):
        super().__init__()
        self.inp = nn.Conv2d(2 * channels, width, 3, padding=1)
        self.cross = nn.MultiheadAttention(width, 4, batch_first=True)
        self.out = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, latents, context):
        h = self.inp(latents)
        seq = h.flatten(2).transpose(1, 2)
        seq = seq + self.cross(seq, context, context, need_weights=False)[0]
        return self.out(seq.transpose(1, 2).reshape(h.shape))


class GuidedDenoiser:
    def __init__(self, inner, text_scale=7.5, image_scale=1.5):
        self.inner, self.text_scale, self.image_scale = inner, text_scale, image_scale

    def __call__(self, latents, cond, uncond):
        image = cond["image"]
        z = torch.cat([latents] * 3)
        images = torch.cat([image, image, torch.zeros_like(image)])
        context = torch.cat([cond["text"], uncond["text"], uncond["text"]])
        full, img_only, nothing = self.inner(torch.cat([z, images], dim=1), context).chunk(3)
        return nothing + self.text_scale * (full - img_only) + self.image_scale * (img_only - nothing)


class Editor:
    def __init__(self):
        torch.manual_seed(0)
        self.encoder, self.denoiser = TextEncoder().eval(), Denoiser().eval()

    @torch.no_grad()
    def edit(self, image, instruction, negative="", steps=4):
        text, no_text = self.encoder(instruction), self.encoder(negative)
        empty = self.encoder("")
        longest = max(text.size(1), no_text.size(1))
        text, no_text = (torch.cat([t] + [empty] * ((longest - t.size(1)) // empty.size(1)), dim=1) for t in (text, no_text))
        cond = {"image": image, "text": text}
        uncond = {"image": torch.zeros_like(image), "text": no_text}
        guided = GuidedDenoiser(self.denoiser)
        latents = torch.randn_like(image)
        for _ in range(steps):
            latents = latents - 0.05 * guided(latents, cond, uncond)
        return latents


NEGATIVE = ", ".join(
    ["worst quality", "low quality", "blurry", "bad anatomy", "extra digit", "cropped", "jpeg artifacts", "signature",
     "watermark", "username", "lowres", "text", "speech bubbles", "long neck", "bad hands", "missing fingers"] * 2
)

if __name__ == "__main__":
    editor = Editor()
    picture = torch.randn(1, 4, 8, 8)
    for name, negative in [("plain", ""), ("short negative", "blurry, lowres"), ("long negative", NEGATIVE)]:
        result = editor.edit(picture, "make it look like winter", negative)
        print(f"{name}: {tuple(result.shape)} finite={bool(result.isfinite().all())}")

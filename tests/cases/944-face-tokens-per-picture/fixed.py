import torch
from torch import nn

WIDTH, TEXT_LEN, FACE_LEN = 32, 8, 4


class FaceProjector(nn.Module):
    def __init__(self, face_dim=20):
        super().__init__()
        self.proj = nn.Linear(face_dim, FACE_LEN * WIDTH)

    def forward(self, faces):
        return self.proj(faces).view(faces.size(0), FACE_LEN, WIDTH)


class CrossAttention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.attn = nn.MultiheadAttention(channels, 4, kdim=WIDTH, vdim=WIDTH, batch_first=True)

    def forward(self, latents, context):
        rows, channels, height, width = latents.shape
        tokens = latents.flatten(2).transpose(1, 2)
        mixed, _ = self.attn(tokens, context, context)
        return (tokens + mixed).transpose(1, 2).reshape(rows, channels, height, width)


class IdentityPipeline:
    def __init__(self, channels=16):
        torch.manual_seed(0)
        self.channels = channels
        self.words = nn.Embedding(50, WIDTH)
        self.face = FaceProjector()
        self.unet = nn.ModuleDict({"mid": CrossAttention(channels), "out": nn.Conv2d(channels, channels, 3, padding=1)})

    def encode_prompt(self, prompt, negative, pictures, guided):
        embeds = self.words(prompt).repeat_interleave(pictures, dim=0)
        if not guided:
            return embeds
        negative = self.words(negative).repeat_interleave(pictures, dim=0)
        return torch.cat([negative, embeds])

    def encode_face(self, face, pictures, guided):
        face = face.repeat_interleave(pictures, dim=0)
        if guided:
            face = torch.cat([torch.zeros_like(face), face])
        return self.face(face)

    @torch.no_grad()
    def __call__(self, prompt, negative, face, pictures=1, guidance=5.0, steps=3):
        guided = guidance > 1
        prompt_embeds = self.encode_prompt(prompt, negative, pictures, guided)
        face_embeds = self.encode_face(face, pictures, guided)
        latents = torch.randn(prompt.size(0) * pictures, self.channels, 6, 6)
        for _ in range(steps):
            model_input = torch.cat([latents] * 2) if guided else latents
            context = torch.cat([prompt_embeds, face_embeds], dim=1)
            noise = self.unet["out"](self.unet["mid"](model_input, context))
            if guided:
                uncond, cond = noise.chunk(2)
                noise = uncond + guidance * (cond - uncond)
            latents = latents - 0.1 * noise
        return latents


pipe = IdentityPipeline()
prompt, negative = torch.randint(0, 50, (1, TEXT_LEN)), torch.zeros(1, TEXT_LEN, dtype=torch.long)
face = torch.randn(1, 20)
for n in (1, 2):
    images = pipe(prompt, negative, face, pictures=n)
    print(n, "picture(s)", tuple(images.shape), "std %.3f" % images.std())

import torch
import torch.nn as nn

backbone_cfg = dict(img_size=32, patch_size=8, num_frames=6, tubelet_size=2, in_chans=3, embed_dim=24, depth=2)
task_cfg = dict(num_classes=5, lr=1e-3, max_epochs=1, batch_size=4)


class PatchEmbed(nn.Module):
    def __init__(self, img_size, patch_size, num_frames, tubelet_size, in_chans, embed_dim):
        super().__init__()
        self.grid_size = (num_frames // tubelet_size, img_size // patch_size, img_size // patch_size)
        self.num_patches = self.grid_size[0] * self.grid_size[1] * self.grid_size[2]
        kernel = (tubelet_size, patch_size, patch_size)
        self.proj = nn.Conv3d(in_chans, embed_dim, kernel_size=kernel, stride=kernel)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class TemporalViTEncoder(nn.Module):
    def __init__(self, img_size, patch_size, num_frames, tubelet_size, in_chans, embed_dim, depth):
        super().__init__()
        self.patch_embed = PatchEmbed(img_size, patch_size, num_frames, tubelet_size, in_chans, embed_dim)
        self.feature_info = [{"num_chs": embed_dim * self.patch_embed.grid_size[0], "module": f"blocks.{i}"} for i in range(depth)]
        self.pos_embed = nn.Parameter(torch.randn(1, self.patch_embed.num_patches, embed_dim) * 0.02)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(embed_dim, 4, 2 * embed_dim, dropout=0.0, batch_first=True)
            for _ in range(depth))
        self.norm = nn.LayerNorm(embed_dim)

    def channels(self):
        return [info["num_chs"] for info in self.feature_info]

    def forward(self, x):
        x = self.patch_embed(x) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def prepare_features_for_image_model(self, tokens):
        t, h, w = self.patch_embed.grid_size
        maps = tokens.unflatten(1, (t, h, w))
        return maps.permute(0, 1, 4, 2, 3).flatten(1, 2)


class ClassificationHead(nn.Module):
    def __init__(self, in_dim, num_classes):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(in_dim, in_dim // 2), nn.GELU(), nn.Linear(in_dim // 2, num_classes))

    def forward(self, x):
        return self.head(x.mean(dim=(2, 3)))


class PixelModel(nn.Module):
    def __init__(self, cfg, num_classes):
        super().__init__()
        self.encoder = TemporalViTEncoder(**cfg)
        self.head = ClassificationHead(self.encoder.channels()[-1], num_classes)

    def forward(self, x):
        return self.head(self.encoder.prepare_features_for_image_model(self.encoder(x)))


torch.manual_seed(0)
model = PixelModel(backbone_cfg, task_cfg["num_classes"])
optimizer = torch.optim.AdamW(model.parameters(), lr=task_cfg["lr"])
images, labels = torch.randn(12, 3, 6, 32, 32), torch.randint(0, 5, (12,))
for step, (image, label) in enumerate(zip(images.split(task_cfg["batch_size"]), labels.split(task_cfg["batch_size"]))):
    loss = nn.functional.cross_entropy(model(image), label)
    optimizer.zero_grad(), loss.backward(), optimizer.step()
    print("step", step, "loss", round(loss.item(), 4))

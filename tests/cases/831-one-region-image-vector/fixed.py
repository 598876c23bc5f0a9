import torch
import torch.nn as nn

CONFIG = {
    "text": {"vocab": 90, "dim": 24},
    "image": {"width": 16, "num_output_features": 1, "dim": 32},
    "hidden": 20,
    "num_labels": 2,
}


class ImageEncoder(nn.Module):
    def __init__(self, width, num_output_features, dim):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(3, width, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(width, dim, 3, stride=2, padding=1), nn.ReLU(),
        )
        self.pool = nn.AdaptiveAvgPool2d((num_output_features, 1))
        self.out_dim = dim

    def forward(self, image):
        out = self.pool(self.trunk(image))
        return out.flatten(start_dim=2).transpose(1, 2).contiguous()


class TextEncoder(nn.Module):
    def __init__(self, vocab, dim):
        super().__init__()
        self.bag = nn.EmbeddingBag(vocab, dim, mode="mean", padding_idx=0)
        self.out_dim = dim

    def forward(self, ids):
        return self.bag(ids)


class LanguageAndVisionConcat(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.language_module = TextEncoder(**config["text"])
        self.vision_module = ImageEncoder(**config["image"])
        width = self.language_module.out_dim + self.vision_module.out_dim
        self.fusion = nn.Sequential(nn.Linear(width, config["hidden"]), nn.ReLU(), nn.Dropout(0.1))
        self.fc = nn.Linear(config["hidden"], config["num_labels"])

    def forward(self, sample):
        text_features = torch.relu(self.language_module(sample["text"]))
        image_features = torch.relu(self.vision_module(sample["image"])).flatten(1)
        combined = torch.cat([text_features, image_features], dim=1)
        return {"scores": self.fc(self.fusion(combined))}


def memes(n):
    g = torch.Generator().manual_seed(2)
    for _ in range(n):
        yield {
            "image": torch.rand(6, 3, 24, 24, generator=g),
            "text": torch.randint(0, 90, (6, 10), generator=g),
            "targets": torch.randint(0, 2, (6,), generator=g),
        }


if __name__ == "__main__":
    torch.manual_seed(0)
    model = LanguageAndVisionConcat(CONFIG)
    print("parameters", sum(p.numel() for p in model.parameters()))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for i, sample in enumerate(memes(3)):
        loss = nn.functional.cross_entropy(model(sample)["scores"], sample["targets"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("update", i, round(loss.item(), 4))

"""Fine-tune a vision transformer on small pictures, configurations in the style of a well-known port."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def get_tiny_config(patch):
    return {"patch": patch, "hidden_size": 48, "num_heads": 4, "num_layers": 2, "mlp_dim": 96, "dropout": 0.0}


CONFIGS = {"ViT-Ti_16": get_tiny_config(16), "ViT-Ti_32": get_tiny_config(32)}


class Embeddings(nn.Module):
    def __init__(self, config, img_size, in_channels=3):
        super().__init__()
        n_patches = (img_size // config["patch"]) ** 2
        self.patch_embeddings = nn.Conv2d(in_channels, config["hidden_size"], config["patch"], config["patch"])
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config["hidden_size"]))
        self.position_embeddings = nn.Parameter(torch.zeros(1, n_patches + 1, config["hidden_size"]))

    def forward(self, x):
        cls = self.cls_token.expand(x.size(0), -1, -1)
        x = self.patch_embeddings(x).flatten(2).transpose(1, 2)
        x = torch.cat([cls, x], dim=1)
        return x + self.position_embeddings


class VisionTransformer(nn.Module):
    def __init__(self, config, img_size=224, num_classes=1000):
        super().__init__()
        self.embeddings = Embeddings(config, img_size)
        layer = nn.TransformerEncoderLayer(
            config["hidden_size"], config["num_heads"], config["mlp_dim"], config["dropout"], batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, config["num_layers"], enable_nested_tensor=False)
        self.head = nn.Linear(config["hidden_size"], num_classes)

    def forward(self, x):
        return self.head(self.encoder(self.embeddings(x))[:, 0])


class Cifar:
    num_classes, side = 10, 32

    @classmethod
    def loader(cls, n=24, batch_size=8):
        images = torch.rand(n, 3, cls.side, cls.side)
        return DataLoader(TensorDataset(images, torch.randint(cls.num_classes, (n,))), batch_size)


def create_model(name, dataset):
    model = VisionTransformer(CONFIGS[name], num_classes=dataset.num_classes)
    print(f"{name}: {sum(p.numel() for p in model.parameters()) / 1e3:.0f}k parameters")
    return model


def train(model, loader, lr=0.03):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for step, (images, labels) in enumerate(loader):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} loss {loss.item():.3f}")


if __name__ == "__main__":
    torch.manual_seed(42)
    train(create_model("ViT-Ti_16", Cifar), Cifar.loader())

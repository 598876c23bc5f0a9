"""Train a small token-to-token vision transformer on larger crops."""
from types import SimpleNamespace

import torch
from torch import nn

REGISTRY = {}


def register_model(fn):
    REGISTRY[fn.__name__] = fn
    return fn


def create_model(name, **kwargs):
    return REGISTRY[name](**kwargs)


class TokensToToken(nn.Module):
    """Two overlapping unfolds: the side shrinks by 4 and then by 2."""

    def __init__(self, img_size, dim):
        super().__init__()
        self.first = nn.Unfold(kernel_size=7, stride=4, padding=2)
        self.second = nn.Unfold(kernel_size=3, stride=2, padding=1)
        self.mix = nn.Linear(3 * 7 * 7, 12)
        self.project = nn.Linear(12 * 3 * 3, dim)
        self.num_patches = (img_size // 8) ** 2

    def forward(self, x):
        tokens = self.mix(self.first(x).transpose(1, 2))
        side = int(tokens.size(1) ** 0.5)
        grid = tokens.transpose(1, 2).reshape(x.size(0), -1, side, side)
        return self.project(self.second(grid).transpose(1, 2))


class T2TViT(nn.Module):
    def __init__(self, img_size=32, dim=48, depth=2, heads=4, num_classes=10):
        super().__init__()
        self.tokens = TokensToToken(img_size, dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.randn(1, self.tokens.num_patches + 1, dim) * 0.02)
        layer = nn.TransformerEncoderLayer(dim, heads, 2 * dim, dropout=0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Linear(dim, num_classes)

    def forward(self, x):
        x = self.tokens(x)
        x = torch.cat((self.cls_token.expand(x.size(0), -1, -1), x), dim=1)
        x = self.blocks(x + self.pos_embed)
        return self.head(x[:, 0])


@register_model
def t2t_vit_tiny(**kwargs):
    return T2TViT(dim=48, depth=2, **kwargs)


def main(args):
    torch.manual_seed(0)
    model = create_model(args.model, num_classes=args.num_classes, img_size=args.input_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(args.steps):
        images = torch.randn(args.batch_size, 3, args.input_size, args.input_size)
        labels = torch.randint(0, args.num_classes, (args.batch_size,))
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    options = SimpleNamespace(model="t2t_vit_tiny", num_classes=5, input_size=48, batch_size=6, steps=3)
    main(options)

"""DETR style detector with learned row and column embeddings and a dilated backbone."""
import argparse

import torch
from torch import nn


def get_args():
    p = argparse.ArgumentParser()
    p.add_argument("--hidden_dim", type=int, default=32)
    p.add_argument("--num_queries", type=int, default=6)
    p.add_argument("--dilation", action="store_true", default=True)
    p.add_argument("--max_size", type=int, default=448)
    return p.parse_args([])


class PositionEmbeddingLearned(nn.Module):
    def __init__(self, num_pos_feats):
        super().__init__()
        self.row_embed = nn.Embedding(16, num_pos_feats)
        self.col_embed = nn.Embedding(16, num_pos_feats)

    def forward(self, feat):
        h, w = feat.shape[-2:]
        x = self.col_embed(torch.arange(w))
        y = self.row_embed(torch.arange(h))
        grid = torch.cat([x.unsqueeze(0).expand(h, -1, -1), y.unsqueeze(1).expand(-1, w, -1)], dim=-1)
        return grid.permute(2, 0, 1).unsqueeze(0)


class Backbone(nn.Module):
    def __init__(self, dim, dilation):
        super().__init__()
        last = dict(stride=1, dilation=2, padding=2) if dilation else dict(stride=2, padding=1)
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 7, stride=4, padding=3), nn.ReLU(),
            nn.Conv2d(8, 16, 5, stride=4, padding=2), nn.ReLU(),
            nn.Conv2d(16, dim, 3, **last), nn.ReLU(),
        )

    def forward(self, x):
        return self.body(x)


class Detr(nn.Module):
    def __init__(self, args):
        super().__init__()
        d = args.hidden_dim
        self.backbone = Backbone(d, args.dilation)
        self.position = PositionEmbeddingLearned(d // 2)
        self.query = nn.Embedding(args.num_queries, d)
        self.attn = nn.MultiheadAttention(d, 4, batch_first=True)
        self.boxes = nn.Linear(d, 4)

    def forward(self, images):
        feat = self.backbone(images)
        tokens = feat + self.position(feat)
        tokens = tokens.flatten(2).transpose(1, 2)
        queries = self.query.weight.expand(images.size(0), -1, -1)
        return self.boxes(self.attn(queries, tokens, tokens)[0]).sigmoid()


if __name__ == "__main__":
    torch.manual_seed(0)
    args = get_args()
    model = Detr(args).eval()
    for height, width in [(192, 256), (240, 240), (256, args.max_size)]:
        with torch.no_grad():
            boxes = model(torch.rand(1, 3, height, width))
        print(f"{height}x{width}", "mean box", [round(v, 3) for v in boxes.mean((0, 1)).tolist()])

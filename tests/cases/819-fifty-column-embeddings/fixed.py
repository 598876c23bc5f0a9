"""Minimal set-prediction detector on photographs of any size."""
import torch
import torch.nn.functional as F
from torch import nn

torch.set_grad_enabled(False)


class DETRdemo(nn.Module):
    def __init__(self, num_classes, hidden_dim=32, nheads=4, num_layers=2):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 16, 4, stride=4), nn.ReLU(), nn.Conv2d(16, 24, 4, stride=4), nn.ReLU(),
        )
        self.conv = nn.Conv2d(24, hidden_dim, 1)
        self.transformer = nn.Transformer(hidden_dim, nheads, num_layers, num_layers, 64)
        self.linear_class = nn.Linear(hidden_dim, num_classes + 1)
        self.linear_bbox = nn.Linear(hidden_dim, 4)
        self.query_pos = nn.Parameter(torch.rand(10, hidden_dim))
        self.row_embed = nn.Parameter(torch.rand(50, hidden_dim // 2))
        self.col_embed = nn.Parameter(torch.rand(50, hidden_dim // 2))

    def forward(self, inputs):
        h = self.conv(self.backbone(inputs))
        H, W = h.shape[-2:]
        pos = torch.cat([
            self.col_embed[:W].unsqueeze(0).repeat(H, 1, 1),
            self.row_embed[:H].unsqueeze(1).repeat(1, W, 1),
        ], dim=-1).flatten(0, 1).unsqueeze(1)
        h = self.transformer(pos + 0.1 * h.flatten(2).permute(2, 0, 1), self.query_pos.unsqueeze(1)).transpose(0, 1)
        return {"pred_logits": self.linear_class(h), "pred_boxes": self.linear_bbox(h).sigmoid()}


def transform(im, shorter=256):
    _, height, width = im.shape
    scale = min(shorter / min(height, width), 800 / max(height, width))
    size = (round(height * scale), round(width * scale))
    return F.interpolate(im.unsqueeze(0), size=size, mode="bilinear")


def box_cxcywh_to_xyxy(x):
    cx, cy, w, h = x.unbind(1)
    return torch.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], dim=1)


def detect(im, model, threshold=0.3):
    out = model(transform(im))
    probs = out["pred_logits"].softmax(-1)[0, :, :-1]
    keep = probs.max(-1).values > threshold
    _, height, width = im.shape
    boxes = box_cxcywh_to_xyxy(out["pred_boxes"][0, keep]) * torch.tensor([width, height, width, height])
    return probs[keep], boxes


torch.manual_seed(0)
detr = DETRdemo(num_classes=3).eval()
album = {"000000039769": (120, 160), "000000329614": (160, 120), "000000527220": (60, 240)}
for name, (height, width) in album.items():
    scores, boxes = detect(torch.rand(3, height, width), detr)
    print(name, "detections", len(scores), "widest", round((boxes[:, 2] - boxes[:, 0]).max().item(), 1) if len(boxes) else None)

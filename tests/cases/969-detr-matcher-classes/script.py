from types import SimpleNamespace

import torch
import torch.nn as nn

CATEGORIES = [{"id": 1, "name": "helmet"}, {"id": 2, "name": "vest"}, {"id": 3, "name": "person"}]


class CocoDetection:
    def __init__(self, n_images):
        gen = torch.Generator().manual_seed(0)
        self.images = torch.rand(n_images, 3, 32, 32, generator=gen)
        self.targets = []
        for _ in range(n_images):
            n = int(torch.randint(1, 4, (1,), generator=gen))
            picks = torch.randint(0, len(CATEGORIES), (n,), generator=gen).tolist()
            self.targets.append({"labels": torch.tensor([CATEGORIES[p]["id"] for p in picks]),
                                 "boxes": torch.rand(n, 4, generator=gen) * 0.3 + 0.2})


class HungarianMatcher(nn.Module):
    @torch.no_grad()
    def forward(self, outputs, targets):
        bs, num_queries = outputs["pred_logits"].shape[:2]
        out_prob = outputs["pred_logits"].flatten(0, 1).softmax(-1)
        tgt_ids = torch.cat([v["labels"] for v in targets])
        tgt_bbox = torch.cat([v["boxes"] for v in targets])
        cost_bbox = torch.cdist(outputs["pred_boxes"].flatten(0, 1), tgt_bbox, p=1)
        cost_class = -out_prob[:, tgt_ids]
        cost = (5 * cost_bbox + cost_class).view(bs, num_queries, -1)
        indices = []
        for i, c in enumerate(cost.split([len(v["boxes"]) for v in targets], -1)):
            c, rows = c[i].clone(), []
            for j in range(c.size(1)):
                rows.append(int(c[:, j].argmin()))
                c[rows[-1]] = float("inf")
            indices.append(torch.tensor(rows))
        return indices


class DETR(nn.Module):
    def __init__(self, num_classes, num_queries, hidden=32):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, hidden, 8, stride=8), nn.ReLU(), nn.Flatten(2))
        self.query_embed = nn.Embedding(num_queries, hidden)
        self.attn = nn.MultiheadAttention(hidden, 4, batch_first=True)
        self.class_embed = nn.Linear(hidden, num_classes + 1)
        self.bbox_embed = nn.Linear(hidden, 4)

    def forward(self, x):
        memory = self.backbone(x).transpose(1, 2)
        hs, _ = self.attn(self.query_embed.weight.expand(len(x), -1, -1), memory, memory)
        return {"pred_logits": self.class_embed(hs), "pred_boxes": self.bbox_embed(hs).sigmoid()}


def build(args):
    num_classes = 91 if args.dataset_file == "coco" else 2
    return DETR(num_classes, args.num_queries), HungarianMatcher()


args = SimpleNamespace(dataset_file="worksite", num_queries=6)
torch.manual_seed(0)
dataset, (model, matcher) = CocoDetection(8), build(args)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for epoch in range(3):
    out, loss = model(dataset.images), 0
    classes = torch.full(out["pred_logits"].shape[:2], out["pred_logits"].size(2) - 1)
    for b, (src, tgt) in enumerate(zip(matcher(out, dataset.targets), dataset.targets)):
        classes[b, src] = tgt["labels"]
        loss = loss + nn.functional.l1_loss(out["pred_boxes"][b, src], tgt["boxes"]) / len(dataset.targets)
    loss = loss + nn.functional.cross_entropy(out["pred_logits"].transpose(1, 2), classes)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"Epoch [{epoch}] loss {loss.item():.4f}")

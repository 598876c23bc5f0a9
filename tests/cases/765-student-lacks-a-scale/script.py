import torch
import torch.nn as nn
import torch.nn.functional as F

ANCHORS, CLASSES = 3, 4
NO = 5 + CLASSES
CFG = {
    "yolo": {"width": 16, "strides": (8, 16, 32)},
    "yolo-tiny": {"width": 8, "strides": (16, 32)},
}


class Darknet(nn.Module):
    def __init__(self, name):
        super().__init__()
        cfg = CFG[name]
        width, self.strides = cfg["width"], cfg["strides"]
        self.stages = nn.ModuleList()
        cin = 3
        for _ in range(5):
            self.stages.append(nn.Sequential(
                nn.Conv2d(cin, width, 3, stride=2, padding=1), nn.BatchNorm2d(width), nn.LeakyReLU(0.1)
            ))
            cin = width
        self.heads = nn.ModuleDict({str(s): nn.Conv2d(width, ANCHORS * NO, 1) for s in self.strides})

    def forward(self, x):
        outputs, stride = [], 1
        for stage in self.stages:
            x, stride = stage(x), stride * 2
            if str(stride) in self.heads:
                p = self.heads[str(stride)](x)
                b, _, h, w = p.shape
                outputs.append(p.view(b, ANCHORS, NO, h, w).permute(0, 1, 3, 4, 2))
        return outputs


def flat(outputs):
    return torch.cat([p.reshape(-1, NO) for p in outputs])


def distillation_loss(output_s, output_t, temperature=3.0):
    criterion = nn.KLDivLoss(reduction="batchmean")
    out_s, out_t = flat(output_s), flat(output_t)
    soft_s = F.log_softmax(out_s / temperature, dim=1)
    soft_t = F.softmax(out_t / temperature, dim=1)
    return criterion(soft_s, soft_t) * temperature ** 2


def objectness_loss(outputs):
    return sum(F.binary_cross_entropy_with_logits(p[..., 4], torch.zeros_like(p[..., 4])) for p in outputs)


def main():
    torch.manual_seed(0)
    teacher, student = Darknet("yolo").eval(), Darknet("yolo-tiny")
    optimizer = torch.optim.SGD(student.parameters(), lr=1e-3, momentum=0.9)
    for step in range(3):
        images = torch.rand(2, 3, 64, 64)
        with torch.no_grad():
            output_t = teacher(images)
        output_s = student(images)
        hard = objectness_loss(output_s)
        soft = distillation_loss(output_s, output_t)
        optimizer.zero_grad()
        (hard + soft).backward()
        optimizer.step()
        print(f"step {step} hard {hard.item():.4f} soft {soft.item():.4f}")


if __name__ == "__main__":
    main()

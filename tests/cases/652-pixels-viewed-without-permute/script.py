"""Pixel-wise distillation of a segmentation network into a smaller one."""
import torch
import torch.nn as nn
import torch.nn.functional as F

CLASSES = 4


def scenes(count, size=16, seed=0):
    """Random rectangles of three kinds on a noisy background."""
    gen = torch.Generator().manual_seed(seed)
    masks = torch.zeros(count, size, size, dtype=torch.long)
    for mask in masks:
        for label in range(1, CLASSES):
            top, left = torch.randint(0, size - 6, (2,), generator=gen).tolist()
            mask[top:top + 6, left:left + 6] = label
    palette = torch.tensor([[0., 0., 0.], [1., 0., 0.], [0., 1., 0.], [0., 0., 1.]])
    images = palette[masks].permute(0, 3, 1, 2).contiguous() + 0.3 * torch.randn(count, 3, size, size, generator=gen)
    return images, masks


def network(width):
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
        nn.Conv2d(width, CLASSES, 1),
    )


class CriterionPixelWise(nn.Module):
    def forward(self, preds_S, preds_T):
        assert preds_S.shape == preds_T.shape, "the output dim of teacher and student differ"
        N, C, W, H = preds_S.shape
        softmax_pred_T = F.softmax(preds_T.detach().view(-1, C), dim=1)
        log_pred_S = F.log_softmax(preds_S.view(-1, C), dim=1)
        return torch.sum(-softmax_pred_T * log_pred_S) / W / H / N


class Distiller:
    def __init__(self, teacher, student, lr=5e-3):
        self.teacher, self.student = teacher.eval(), student
        self.criterion = CriterionPixelWise()
        self.optimizer = torch.optim.Adam(student.parameters(), lr=lr)

    def step(self, images):
        with torch.no_grad():
            preds_T = self.teacher(images)
        loss = self.criterion(self.student(images), preds_T)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


@torch.no_grad()
def pixel_accuracy(model, images, masks):
    model.eval()
    hit = (model(images).argmax(1) == masks).float().mean().item()
    model.train()
    return hit


def pretrain(model, images, masks, steps=40):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(steps):
        loss = F.cross_entropy(model(images), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def main():
    torch.manual_seed(0)
    images, masks = scenes(32)
    held_out = scenes(16, seed=1)
    teacher = pretrain(network(24), images, masks)
    print(f"teacher accuracy {pixel_accuracy(teacher, *held_out):.3f}")
    distiller = Distiller(teacher, network(8))
    for epoch in range(60):
        loss = distiller.step(images)
        if epoch % 20 == 19:
            accuracy = pixel_accuracy(distiller.student, *held_out)
            print(f"epoch {epoch}: distillation loss {loss:.3f} student accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()

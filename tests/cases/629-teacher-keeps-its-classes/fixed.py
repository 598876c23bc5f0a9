"""Distil a convolutional teacher into a small ViT on a two-class image set."""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

NUM_CLASSES = 2


class ConvNet(nn.Module):
    def __init__(self, num_classes=20, width=16):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, width, 3, stride=2, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x):
        return self.fc(self.features(x))


class DistillableViT(nn.Module):
    def __init__(self, *, image_size, patch_size, num_classes, dim, depth, heads):
        super().__init__()
        self.to_patch = nn.Conv2d(3, dim, patch_size, stride=patch_size)
        self.cls_token = nn.Parameter(torch.randn(1, 1, dim))
        self.pos = nn.Parameter(0.02 * torch.randn(1, (image_size // patch_size) ** 2 + 1, dim))
        layer = nn.TransformerEncoderLayer(dim, heads, 2 * dim, dropout=0.0, batch_first=True, norm_first=True)
        self.transformer = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.mlp_head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, num_classes))
        self.dim, self.num_classes = dim, num_classes

    def forward(self, img, distill_token):
        x = self.to_patch(img).flatten(2).transpose(1, 2)
        rows = x.size(0)
        x = torch.cat((self.cls_token.expand(rows, -1, -1), x), dim=1) + self.pos
        x = self.transformer(torch.cat((x, distill_token.expand(rows, -1, -1)), dim=1))
        return self.mlp_head(x[:, 0]), x[:, -1]


class DistillWrapper(nn.Module):
    def __init__(self, *, teacher, student, temperature=3.0, alpha=0.5):
        super().__init__()
        self.teacher, self.student = teacher, student
        self.temperature, self.alpha = temperature, alpha
        self.distillation_token = nn.Parameter(torch.randn(1, 1, student.dim))
        self.distill_mlp = nn.Sequential(nn.LayerNorm(student.dim), nn.Linear(student.dim, student.num_classes))

    def forward(self, img, labels):
        T = self.temperature
        with torch.no_grad():
            teacher_logits = self.teacher(img)
        student_logits, distill_tokens = self.student(img, self.distillation_token)
        loss = F.cross_entropy(student_logits, labels)
        distill_loss = F.kl_div(
            F.log_softmax(self.distill_mlp(distill_tokens) / T, dim=-1),
            F.softmax(teacher_logits / T, dim=-1),
            reduction="batchmean",
        ) * T ** 2
        return loss * (1 - self.alpha) + distill_loss * self.alpha


def fit_teacher(model, loader, epochs=3):
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(epochs):
        hits = total = 0
        for img, labels in loader:
            logits = model(img)
            optimizer.zero_grad()
            F.cross_entropy(logits, labels).backward()
            optimizer.step()
            hits, total = hits + (logits.argmax(1) == labels).sum().item(), total + labels.numel()
    print(f"teacher accuracy {hits / total:.2f}")
    return model.eval().requires_grad_(False)


torch.manual_seed(0)
labels = torch.randint(0, NUM_CLASSES, (96,))
images = torch.randn(96, 3, 32, 32) + labels.view(-1, 1, 1, 1) * 0.5
loader = DataLoader(TensorDataset(images, labels), batch_size=24, shuffle=True)

teacher = fit_teacher(ConvNet(NUM_CLASSES), loader)
student = DistillableViT(image_size=32, patch_size=8, num_classes=NUM_CLASSES, dim=32, depth=2, heads=4)
distiller = DistillWrapper(teacher=teacher, student=student)
optimizer = torch.optim.AdamW([p for p in distiller.parameters() if p.requires_grad], lr=1e-3)
for img, labels in loader:
    loss = distiller(img, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"distillation loss {loss.item():.3f}")

"""A plain training loop with a last, smaller batch, accuracy and validation."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
features = torch.randn(22, 6)
classes = (features.sum(1) > 0).long()
model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
for _ in range(2):
    for inputs, labels in DataLoader(TensorDataset(features, classes), batch_size=5, shuffle=True):
        logits = model(inputs)
        loss = nn.functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        accuracy = (logits.argmax(1) == labels).float().mean()
model.eval()
with torch.no_grad():
    probabilities = model(features).softmax(dim=1)
    confidence, chosen = probabilities.max(dim=1)

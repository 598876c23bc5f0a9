import torch
from torch import nn

torch.manual_seed(0)
images, captions = torch.randn(12, 6), torch.randn(10, 6)
image_net, text_net = nn.Linear(6, 4), nn.Linear(6, 4)
scores = []
for v, t in zip(image_net(images), text_net(captions)):  # noqa: B905
    scores.append(torch.dot(v, t))
loss = -torch.stack(scores).mean()
print(loss.shape)

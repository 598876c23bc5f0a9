import torch
from torch import nn

torch.manual_seed(0)
net = nn.Linear(6, 3)
x = torch.randn(12, 6)
y = torch.randint(0, 3, (12,))
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(5):
    p = torch.softmax(net(x), dim=1)
    loss = -torch.log(p[:, y]).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
print(loss.item())

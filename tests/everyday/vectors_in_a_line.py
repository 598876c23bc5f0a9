import torch


class Buffer:
    def __init__(self):
        self.states = []

    def add(self, s):
        self.states.append(s)

    def sample(self, n):
        idx = torch.randint(0, len(self.states), (n,))
        return torch.cat([self.states[i] for i in idx])


buf = Buffer()
for _ in range(20):
    buf.add(torch.randn(6))
net = torch.nn.Linear(6, 2)
print(net(buf.sample(8)).shape)

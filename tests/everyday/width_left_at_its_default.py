from torch import nn


class Net(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.a, self.b = nn.Linear(10, width), nn.Linear(width, 2)

    def forward(self, x):
        return self.b(self.a(x).relu())


class Trainer:
    def __init__(self, width):
        self.net = Net(width)

    def save(self):
        return {"model": self.net.state_dict(), "width": 128}

    @classmethod
    def load(cls, state):
        net = Net()
        net.load_state_dict(state["model"])
        return net


t = Trainer(128)
print(Trainer.load(t.save()))

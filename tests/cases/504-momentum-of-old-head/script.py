import torch
from torch import nn

ACTIONS = ["wave", "clap", "jump"]


class SlowPath(nn.Module):
    def __init__(self, num_classes, dim=16):
        super().__init__()
        self.stem = nn.Conv3d(3, dim, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        self.res = nn.Conv3d(dim, dim, 3, padding=1)
        self.head = nn.Linear(dim, num_classes)

    def forward(self, clip):
        x = torch.relu(self.stem(clip))
        x = torch.relu(x + self.res(x))
        return self.head(x.mean((2, 3, 4)))


def construct_optimizer(model, lr=0.05):
    no_decay = [p for p in model.parameters() if p.ndim == 1]
    decay = [p for p in model.parameters() if p.ndim > 1]
    groups = [{"params": decay, "weight_decay": 1e-4}, {"params": no_decay, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True)


def train_step(model, optimizer, clips, labels):
    loss = nn.functional.cross_entropy(model(clips), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def pretrain(num_classes):
    model = SlowPath(num_classes)
    optimizer = construct_optimizer(model)
    for _ in range(2):
        train_step(model, optimizer, torch.rand(4, 3, 4, 16, 16), torch.randint(0, num_classes, (4,)))
    return {"epoch": 2, "model_state": model.state_dict(), "optimizer_state": optimizer.state_dict()}


def load_checkpoint(checkpoint, model, optimizer=None):
    own = model.state_dict()
    matched = {k: v for k, v in checkpoint["model_state"].items() if k in own and own[k].shape == v.shape}
    skipped = [k for k in own if k not in matched]
    model.load_state_dict(matched, strict=False)
    if optimizer is not None:
        optimizer.load_state_dict(checkpoint["optimizer_state"])
    print("not loaded:", ", ".join(skipped) or "-")
    return checkpoint["epoch"] + 1


def finetune(checkpoint, epochs=2):
    model = SlowPath(len(ACTIONS))
    optimizer = construct_optimizer(model, lr=0.01)
    start = load_checkpoint(checkpoint, model, optimizer)
    for epoch in range(start, start + epochs):
        clips, labels = torch.rand(6, 3, 4, 16, 16), torch.randint(0, len(ACTIONS), (6,))
        print("epoch", epoch, "loss", round(train_step(model, optimizer, clips, labels), 4))


if __name__ == "__main__":
    torch.manual_seed(0)
    finetune(pretrain(num_classes=8))

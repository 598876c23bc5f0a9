"""Mask estimation for an eight-microphone array: one epoch of training, then the dev set."""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SAMPLE_RATE = 200
CONF = {
    "train": {"utterances": 12, "chunk": 4, "batch_size": 4},
    "dev": {"utterances": 5, "chunk": 4, "batch_size": 3},
    "workers": 1,
}


class ArrayUtterances(Dataset):
    """Simulated meetings: (mics, samples) of noisy speech and the clean reference of the first mic."""

    def __init__(self, utterances, chunk, seed):
        g = torch.Generator().manual_seed(seed)
        self.seconds = torch.randint(4, 9, (utterances,), generator=g).tolist()
        self.chunk = chunk
        self.seed = seed

    def __len__(self):
        return len(self.seconds)

    def __getitem__(self, i):
        g = torch.Generator().manual_seed(self.seed * 100 + i)
        clean = torch.randn(self.seconds[i] * SAMPLE_RATE, generator=g)
        noisy = clean + 0.3 * torch.randn(8, clean.numel(), generator=g)
        if self.chunk is not None:
            size = self.chunk * SAMPLE_RATE
            noisy, clean = noisy[:, :size], clean[:size]
        return {"mix": noisy, "ref": clean}


class MaskNet(nn.Module):
    def __init__(self, mics=8, hidden=16):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(mics, hidden, 9, padding=4), nn.ReLU(), nn.Conv1d(hidden, 1, 9, padding=4), nn.Sigmoid()
        )

    def forward(self, mix):
        return self.layers(mix).squeeze(1) * mix[:, 0]


def make_loader(part, seed):
    conf = CONF[part]
    data = ArrayUtterances(conf["utterances"], conf["chunk"], seed)
    return DataLoader(data, batch_size=conf["batch_size"], num_workers=CONF["workers"])


def run_epoch(model, loader, optimizer=None):
    total = 0.0
    for batch in loader:
        loss = nn.functional.mse_loss(model(batch["mix"]), batch["ref"])
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item()
    return total / len(loader)


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    net = MaskNet()
    opt = torch.optim.Adam(net.parameters(), lr=1e-2)
    print(f"train loss {run_epoch(net, make_loader('train', 1), opt):.4f}")
    print(f"dev loss {run_epoch(net.eval(), make_loader('dev', 4)):.4f}")

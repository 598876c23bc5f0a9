"""Edge-guided super-resolution: predict the HR edge map first, then the HR picture."""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

CONFIG = {"SCALE": 8, "HR_SIZE": 64, "BATCH_SIZE": 2, "LR": 1e-4, "MAX_ITERS": 2}


class Pictures(Dataset):
    def __init__(self, config, count=4):
        generator = torch.Generator().manual_seed(11)
        self.hr = torch.rand(count, 3, config["HR_SIZE"], config["HR_SIZE"], generator=generator)
        self.scale = config["SCALE"]

    def __len__(self):
        return len(self.hr)

    def __getitem__(self, index):
        hr = self.hr[index]
        lr = F.avg_pool2d(hr, self.scale)
        gray = lr.mean(0, keepdim=True)
        return lr, hr, (gray > gray.mean()).float()


class EdgeModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.scale = config["SCALE"]
        self.net = nn.Sequential(nn.Conv2d(4, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 3, padding=1))

    def forward(self, lr_images, lr_edges):
        inputs = torch.cat((lr_images, lr_edges), dim=1)
        return torch.sigmoid(self.net(F.interpolate(inputs, scale_factor=self.scale)))


class SRModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        scale = config["SCALE"]
        self.register_buffer("scale_kernel", torch.ones(3, 1, scale, scale))
        self.body = nn.Sequential(nn.Conv2d(4, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1))

    def upscale(self, lr_images):
        return F.conv_transpose2d(lr_images, self.scale_kernel, stride=self.scale_kernel.size(-1), groups=3)

    def forward(self, lr_images, hr_edges):
        hr_images = self.upscale(lr_images)
        return self.body(torch.cat((hr_images, hr_edges), dim=1))


def train(config):
    torch.manual_seed(0)
    edge_model, sr_model = EdgeModel(config), SRModel(config)
    params = [*edge_model.parameters(), *sr_model.parameters()]
    optimizer = torch.optim.Adam(params, lr=config["LR"])
    loader = DataLoader(Pictures(config), batch_size=config["BATCH_SIZE"])
    for step, (lr_images, hr_images, lr_edges) in zip(range(config["MAX_ITERS"]), loader):
        edges = edge_model(lr_images, lr_edges)
        loss = F.l1_loss(sr_model(lr_images, edges), hr_images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"iter {step} l1 {loss.item():.4f}")


if __name__ == "__main__":
    train(CONFIG)

"""Instance segmentation by spatial embeddings: every pixel points at its instance's center."""
import torch
import torch.nn as nn


class SpatialEmbLoss(nn.Module):
    def __init__(self, height, width, n_sigma=1):
        super().__init__()
        self.n_sigma = n_sigma
        xm = torch.linspace(0, 1, width).view(1, 1, -1).expand(1, height, width)
        ym = torch.linspace(0, 1, height).view(1, -1, 1).expand(1, height, width)
        self.register_buffer("xym", torch.cat((xm, ym), 0))

    def forward(self, prediction, instances, w_inst=1, w_var=10):
        inst_total, var_total = 0, 0
        for b in range(prediction.size(0)):
            spatial_emb = torch.tanh(prediction[b, 0:2]) + self.xym
            sigma = prediction[b, 2:2 + self.n_sigma]
            instance = instances[b].unsqueeze(0)
            instance_ids = instance.unique()
            instance_ids = instance_ids[instance_ids != 0]
            inst_loss, var_loss = 0, 0
            for id in instance_ids:
                in_mask = instance.eq(id)
                center = self.xym[in_mask.expand_as(self.xym)].view(2, -1).mean(1).view(2, 1, 1)
                sigma_in = sigma[in_mask.expand_as(sigma)].view(self.n_sigma, -1)
                s = sigma_in.mean(1).view(self.n_sigma, 1, 1)
                var_loss = var_loss + torch.mean(torch.pow(sigma_in - s[..., 0].detach(), 2))
                s = torch.exp(s * 10)
                dist = torch.exp(-1 * torch.sum(torch.pow(spatial_emb - center, 2) * s, 0, keepdim=True))
                inst_loss = inst_loss + nn.functional.binary_cross_entropy(
                    dist.clamp(1e-4, 1 - 1e-4), in_mask.float())
            inst_total = inst_total + inst_loss / len(instance_ids)
            var_total = var_total + var_loss / len(instance_ids)
        loss = w_inst * inst_total + w_var * var_total
        return loss / prediction.size(0), var_total / prediction.size(0)


def street_scene(height=16, width=24):
    instances = torch.zeros(2, height, width, dtype=torch.long)
    instances[0, 2:5, 1:21] = 1
    instances[0, 10:13, 3:23] = 2
    instances[1, 1:4, 2:22] = 1
    instances[1, 8:11, 1:21] = 2
    image = (instances > 0).float().unsqueeze(1)
    return image.repeat(1, 3, 1, 1) + 0.05 * torch.randn(2, 3, height, width), instances


def main():
    torch.manual_seed(0)
    image, instances = street_scene()
    criterion = SpatialEmbLoss(16, 24, n_sigma=2)
    net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 4, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for epoch in range(200):
        prediction = net(image)
        loss, var = criterion(prediction, instances)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if epoch % 40 == 39:
            print(f"epoch {epoch + 1} loss {loss.item():.4f} var {var.item():.5f}")
    sigma = prediction[:, 2:4].detach().permute(1, 0, 2, 3)[:, instances > 0]
    print("sigma per axis", [round(v, 3) for v in sigma.mean(1).tolist()], "spread", [round(v, 3) for v in sigma.std(1).tolist()])


main()

"""Text-to-image training in stages: every stage has an image size and a discriminator of its own."""
import torch
import torch.nn as nn
import torch.nn.functional as F

CFG = {"ndf": 8, "emb": 12, "z": 10, "base_size": 16, "branch_num": 2, "crop": 32}


def down(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 4, 2, 1, bias=False), nn.BatchNorm2d(cout), nn.LeakyReLU(0.2))


class Logits(nn.Module):
    def __init__(self, ndf, emb):
        super().__init__()
        self.emb = emb
        self.joint = nn.Sequential(nn.Conv2d(ndf + emb, ndf, 3, 1, 1, bias=False), nn.BatchNorm2d(ndf), nn.LeakyReLU(0.2))
        self.out = nn.Conv2d(ndf, 1, 4, 4)

    def forward(self, h_code, c_code):
        c_code = c_code.view(-1, self.emb, 1, 1)
        c_code = c_code.repeat(1, 1, 4, 4)
        h_c_code = torch.cat((h_code, c_code), 1)
        return self.out(self.joint(h_c_code)).view(-1)


class Discriminator(nn.Module):
    def __init__(self, ndf, emb, stages):
        super().__init__()
        self.encode = nn.Sequential(down(3, ndf), *[down(ndf, ndf) for _ in range(stages)])
        self.cond = Logits(ndf, emb)

    def forward(self, image, sentence):
        return self.cond(self.encode(image), sentence)


class Generator(nn.Module):
    def __init__(self, z, emb, base, branches):
        super().__init__()
        self.base = base
        self.fc = nn.Linear(z + emb, 8 * base * base)
        self.heads = nn.ModuleList(nn.Conv2d(8, 3, 3, padding=1) for _ in range(branches))

    def forward(self, noise, sentence):
        h = self.fc(torch.cat((noise, sentence), 1)).view(-1, 8, self.base, self.base)
        fakes = []
        for i, head in enumerate(self.heads):
            fakes.append(torch.tanh(head(F.interpolate(h, scale_factor=2 ** i))))
        return fakes


def get_imgs(batch, cfg):
    side = batch.size(-1)
    top, left = torch.randint(0, side - cfg["crop"] + 1, (2,)).tolist()
    batch = batch[:, :, top:top + cfg["crop"], left:left + cfg["crop"]]
    sizes = [cfg["base_size"] * 2 ** i for i in range(cfg["branch_num"])]
    pyramid = []
    for i in range(cfg["branch_num"]):
        if i < cfg["branch_num"] - 1:
            pyramid.append(F.interpolate(batch, size=(sizes[i], sizes[i]), mode="bilinear"))
        else:
            pyramid.append(batch)
    return pyramid


def discriminator_loss(net, real, fake, sentence):
    real_logits = net(real, sentence)
    fake_logits = net(fake.detach(), sentence)
    ones, zeros = torch.ones_like(real_logits), torch.zeros_like(fake_logits)
    return F.binary_cross_entropy_with_logits(real_logits, ones) + F.binary_cross_entropy_with_logits(fake_logits, zeros)


def train(cfg, steps=2, batch_size=4):
    torch.manual_seed(0)
    gen = Generator(cfg["z"], cfg["emb"], cfg["base_size"], cfg["branch_num"])
    nets = [Discriminator(cfg["ndf"], cfg["emb"], stages=i + 1) for i in range(cfg["branch_num"])]
    opts = [torch.optim.Adam(n.parameters(), lr=2e-4, betas=(0.5, 0.999)) for n in nets]
    for step in range(steps):
        photos, sentence = torch.rand(batch_size, 3, 96, 96) * 2 - 1, torch.randn(batch_size, cfg["emb"])
        imgs = get_imgs(photos, cfg)
        fakes = gen(torch.randn(batch_size, cfg["z"]), sentence)
        for i, (net, opt) in enumerate(zip(nets, opts)):
            opt.zero_grad()
            err = discriminator_loss(net, imgs[i], fakes[i], sentence)
            err.backward()
            opt.step()
            print(f"step {step} branch {i} errD {err.item():.3f}")


if __name__ == "__main__":
    train(CFG)

"""World model on camera images: convolutional encoder and a recurrent state-space model."""
from types import SimpleNamespace

import torch
from torch import nn

config = SimpleNamespace(size=(96, 96), cnn_depth=4, encoder_kernels=(4, 4, 4, 4), dyn_deter=32, dyn_hidden=24,
                         dyn_stoch=8, num_actions=3, batch_size=4, batch_length=5)


class ConvEncoder(nn.Module):
    def __init__(self, size, depth, kernels):
        super().__init__()
        layers, channels = [], 3
        for i, kernel in enumerate(kernels):
            layers += [nn.Conv2d(channels, depth * 2 ** i, kernel, stride=2, padding=1), nn.ELU()]
            channels = depth * 2 ** i
        self.layers = nn.Sequential(*layers)
        side = size[0] // 2 ** len(kernels)
        self.outdim = channels * side * side

    def forward(self, image):
        x = image.flatten(0, 1).permute(0, 3, 1, 2)
        return self.layers(x).flatten(1).unflatten(0, image.shape[:2])


class RSSM(nn.Module):
    def __init__(self, stoch, deter, hidden, num_actions, embed):
        super().__init__()
        self.stoch, self.deter = stoch, deter
        self.inp_layer = nn.Sequential(nn.Linear(stoch + num_actions, hidden), nn.ELU())
        self.cell = nn.GRUCell(hidden, deter)
        self.ims_stat = nn.Linear(deter, 2 * stoch)
        self.obs_out = nn.Sequential(nn.Linear(deter + embed, hidden), nn.ELU(), nn.Linear(hidden, 2 * stoch))

    def obs_step(self, state, action, embed):
        stoch, deter = state
        deter = self.cell(self.inp_layer(torch.cat([stoch, action], -1)), deter)
        prior = self.ims_stat(deter)
        post = self.obs_out(torch.cat([deter, embed], -1))
        mean, std = post.chunk(2, -1)
        stoch = mean + torch.randn_like(mean) * nn.functional.softplus(std)
        return (stoch, deter), prior, post

    def observe(self, embed, action):
        state = (embed.new_zeros(len(embed), self.stoch), embed.new_zeros(len(embed), self.deter))
        priors, posts = [], []
        for t in range(embed.size(1)):
            state, prior, post = self.obs_step(state, action[:, t], embed[:, t])
            priors.append(prior)
            posts.append(post)
        return torch.stack(posts, 1), torch.stack(priors, 1)


class WorldModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.encoder = ConvEncoder(config.size, config.cnn_depth, config.encoder_kernels)
        self.dynamics = RSSM(config.dyn_stoch, config.dyn_deter, config.dyn_hidden, config.num_actions,
                             self.encoder.outdim)

    def loss(self, data):
        post, prior = self.dynamics.observe(self.encoder(data["image"]), data["action"])
        return (post - prior).pow(2).mean()


def replay(config):
    shape = (config.batch_size, config.batch_length)
    return {"image": torch.rand(*shape, *config.size, 3), "action": torch.randn(*shape, config.num_actions)}


if __name__ == "__main__":
    torch.manual_seed(0)
    model = WorldModel(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    print("parameters", sum(p.numel() for p in model.parameters()))
    for step in range(3):
        loss = model.loss(replay(config))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} kl {loss.item():.4f}")

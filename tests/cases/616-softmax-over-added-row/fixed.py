import torch
from torch import nn


class LeverWorld:
    """Four levers; the lit one pays."""

    def __init__(self, seed=5):
        self.generator = torch.Generator().manual_seed(seed)
        self.lit = 0

    def observe(self):
        self.lit = int(torch.randint(0, 4, (1,), generator=self.generator))
        pixels = 0.05 * torch.rand(4, 6, generator=self.generator)
        pixels[self.lit] += 0.9
        return pixels.flatten()

    def step(self, action):
        return 1.0 if action == self.lit else 0.0


class SpikingLayer(nn.Module):
    """Leaky integrate-and-fire neurons, driven by Poisson spikes."""

    def __init__(self, inputs, outputs, decay=0.9, threshold=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(inputs, outputs), requires_grad=False)
        self.decay, self.threshold = decay, threshold

    def forward(self, spikes):
        steps, batch, _ = spikes.shape
        voltage, record = torch.zeros(batch, self.weight.size(1)), []
        for t in range(steps):
            voltage = self.decay * voltage + spikes[t] @ self.weight
            fired = (voltage > self.threshold).float()
            voltage = voltage * (1 - fired)
            record.append(fired)
        return torch.stack(record)


class Pipeline:
    def __init__(self, layer, env, time=60):
        self.layer, self.env, self.time = layer, env, time
        self.generator = torch.Generator().manual_seed(8)
        self.spike_record = torch.zeros(time, layer.weight.size(1))
        self.num_actions = layer.weight.size(1)

    def encode(self, observation):
        rate = observation.clamp(0, 1).unsqueeze(0).expand(self.time, 1, -1)
        return torch.bernoulli(rate, generator=self.generator)

    def step(self, choose):
        self.spike_record = self.layer(self.encode(self.env.observe()))
        action = choose(self)
        return action, self.env.step(action)


def select_random(pipeline):
    return int(torch.randint(0, pipeline.num_actions, (1,), generator=pipeline.generator))


def select_softmax(pipeline):
    spikes = torch.sum(pipeline.spike_record, dim=0)
    probabilities = torch.softmax(spikes, dim=-1)
    return int(torch.multinomial(probabilities, 1, generator=pipeline.generator).flatten()[0])


def trained_layer():
    layer = SpikingLayer(24, 4)
    layer.weight += 0.12 * torch.eye(4).repeat_interleave(6, dim=0) + 0.01
    return layer


def play(choose, rounds=200):
    pipeline = Pipeline(trained_layer(), LeverWorld())
    reward, pulls = 0.0, torch.zeros(4, dtype=torch.long)
    for _ in range(rounds):
        action, gain = pipeline.step(choose)
        pulls[action] += 1
        reward += gain
    return reward / rounds, pulls.tolist()


for choose in (select_random, select_softmax):
    reward, pulls = play(choose)
    print(f"{choose.__name__:<15} reward {reward:.2f} pulls {pulls}")

import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)


class PrioritisedReplay:
    def __init__(self, size, obs, alpha=0.6):
        self.s, self.s2 = torch.zeros(size, obs), torch.zeros(size, obs)
        self.a = torch.zeros(size, dtype=torch.long)
        self.r = torch.zeros(size, 1)
        self.prio = torch.zeros(size)
        self.size, self.n, self.alpha = size, 0, alpha

    def add(self, s, a, r, s2):
        i = self.n % self.size
        self.s[i], self.a[i], self.r[i], self.s2[i] = s, a, r, s2
        self.prio[i] = self.prio.max().clamp(min=1.0)
        self.n += 1

    def sample(self, k):
        p = self.prio[: min(self.n, self.size)] ** self.alpha
        idx = torch.multinomial(p / p.sum(), k)
        return idx, self.s[idx], self.a[idx], self.r[idx], self.s2[idx]

    def update(self, idx, errors):
        self.prio[idx] = errors.abs() + 1e-4


def learn(net, opt, buf, k=8):
    idx, s, a, r, s2 = buf.sample(k)
    with torch.no_grad():
        target = r + 0.9 * net(s2).max(1).values
    q = net(s).gather(1, a[:, None]).squeeze(1)
    td = target - q
    opt.zero_grad()
    td.pow(2).mean().backward()
    opt.step()
    buf.update(idx, td.detach())


net = nn.Sequential(nn.Linear(3, 24), nn.Tanh(), nn.Linear(24, 4))
opt = torch.optim.RMSprop(net.parameters(), 1e-3)
buf = PrioritisedReplay(64, 3)
state = torch.zeros(3)
for t in range(40):
    action = int(net(state).argmax())
    nxt = (state + 0.1 * torch.randn(3)).clamp(-1, 1)
    buf.add(state, action, float(-nxt.abs().sum()), nxt)
    state = nxt
    if t >= 16:
        learn(net, opt, buf)

"""Speech denoiser: whole utterances for training, frame by frame in the live demo."""
import torch
import torch.nn as nn


class StateSpaceMixer(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.inp = nn.Linear(dim, dim)
        self.decay = nn.Parameter(torch.linspace(0.5, 2.0, dim))
        self.out = nn.Linear(dim, dim)

    def forward(self, x, state=None):
        u, a, ys = self.inp(x), torch.exp(-self.decay), []
        h = torch.zeros_like(u[:, 0]) if state is None else state
        for t in range(u.shape[1]):
            h = a * h + u[:, t]
            ys.append(h)
        return x + self.out(torch.stack(ys, dim=1)), h


class UMamba(nn.Module):
    def __init__(self, channels=(8, 16, 32), stride=4):
        super().__init__()
        self.total_stride = stride ** len(channels)
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        prev = 1
        for i, ch in enumerate(channels):
            self.encoder.append(nn.Sequential(nn.Conv1d(prev, ch, stride, stride), nn.ReLU(),
                                              nn.Conv1d(ch, 2 * ch, 1), nn.GLU(dim=1)))
            up = [nn.Conv1d(ch, 2 * ch, 1), nn.GLU(dim=1), nn.ConvTranspose1d(ch, prev, stride, stride)]
            self.decoder.insert(0, nn.Sequential(*up, *([nn.ReLU()] if i > 0 else [])))
            prev = ch
        self.mixer = StateSpaceMixer(prev)
        self.state, self.pending = None, torch.zeros(1, 0)

    def forward(self, noisy):
        x, skip_connections = noisy, []
        for downsampling_block in self.encoder:
            x = downsampling_block(x)
            skip_connections.insert(0, x)
        x = self.mixer(x.permute(0, 2, 1))[0].permute(0, 2, 1)
        for i, upsampling_block in enumerate(self.decoder):
            x = upsampling_block(x + skip_connections[i][..., :x.shape[-1]])
        return x

    @torch.no_grad()
    def feed(self, chunk):
        self.pending = torch.cat([self.pending, chunk], dim=1)
        frames = [torch.zeros(1, 0)]
        while self.pending.shape[1] >= self.total_stride:
            frames.append(self._denoise_frame(self.pending[:, :self.total_stride]))
            self.pending = self.pending[:, self.total_stride:]
        return torch.cat(frames, dim=1)

    def _denoise_frame(self, frame):
        x, skip_connections = frame.unsqueeze(1), []
        for encode in self.encoder:
            x = encode(x)
            skip_connections.append(x)
        hidden, self.state = self.mixer(x.permute(0, 2, 1), self.state)
        x = hidden.permute(0, 2, 1)
        for i, upsampling_block in enumerate(self.decoder):
            skip_i = skip_connections[-1 - i]
            x = upsampling_block(x + skip_i[..., :x.shape[-1]])
        return x[0]


torch.manual_seed(0)
model = UMamba().eval()
audio = torch.randn(1, 640)
whole = model(audio.unsqueeze(1))[0].detach()
print("whole utterance", tuple(whole.shape))
live = torch.cat([model.feed(chunk) for chunk in audio.split(100, dim=1)], dim=1)
print("live", tuple(live.shape), "max difference", round((live - whole).abs().max().item(), 5))

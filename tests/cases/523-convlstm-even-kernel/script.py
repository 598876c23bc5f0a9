import torch
import torch.nn as nn


class ConvLSTMCell(nn.Module):
    def __init__(self, input_dim, hidden_dim, kernel_size, bias=True):
        super().__init__()
        self.hidden_dim = hidden_dim
        padding = kernel_size[0] // 2, kernel_size[1] // 2
        self.conv = nn.Conv2d(input_dim + hidden_dim, 4 * hidden_dim, kernel_size, padding=padding, bias=bias)

    def forward(self, x, state):
        h_cur, c_cur = state
        combined = torch.cat([x, h_cur], dim=1)
        i, f, o, g = torch.split(self.conv(combined), self.hidden_dim, dim=1)
        c_next = torch.sigmoid(f) * c_cur + torch.sigmoid(i) * torch.tanh(g)
        h_next = torch.sigmoid(o) * torch.tanh(c_next)
        return h_next, c_next

    def init_hidden(self, batch_size, image_size):
        zeros = torch.zeros(batch_size, self.hidden_dim, *image_size)
        return zeros, zeros.clone()


class ConvLSTM(nn.Module):
    def __init__(self, input_dim, hidden_dim, kernel_size, num_layers):
        super().__init__()
        dims = [input_dim] + [hidden_dim] * (num_layers - 1)
        self.cells = nn.ModuleList(ConvLSTMCell(d, hidden_dim, kernel_size) for d in dims)

    def forward(self, x):
        b, steps, _, h, w = x.shape
        for cell in self.cells:
            state, outputs = cell.init_hidden(b, (h, w)), []
            for t in range(steps):
                state = cell(x[:, t], state)
                outputs.append(state[0])
            x = torch.stack(outputs, dim=1)
        return x


class NowcastNet(nn.Module):
    """Next radar frame out of the last few."""

    def __init__(self, hidden_dim=8, kernel_size=(2, 2), num_layers=2):
        super().__init__()
        self.encoder = ConvLSTM(1, hidden_dim, kernel_size, num_layers)
        self.head = nn.Conv2d(hidden_dim, 1, 1)

    def forward(self, frames):
        return torch.sigmoid(self.head(self.encoder(frames)[:, -1]))


def radar_sequences(n, steps=5, size=20):
    gen = torch.Generator().manual_seed(5)
    for _ in range(n):
        clouds = torch.rand(3, 1, size, size, generator=gen)
        movie = torch.stack([clouds.roll(t, dims=-1) for t in range(steps + 1)], dim=1)
        yield movie[:, :-1], movie[:, -1]


def main():
    torch.manual_seed(0)
    net = NowcastNet()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    print("layers", len(net.encoder.cells))
    for step, (frames, target) in enumerate(radar_sequences(3)):
        loss = nn.functional.mse_loss(net(frames), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} mse {loss.item():.4f}")


main()

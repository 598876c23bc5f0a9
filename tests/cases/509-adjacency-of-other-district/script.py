import csv
import io

import numpy as np
import torch
from torch import nn

ROADS = {
    "district04": "from,to,cost\n" + "".join(f"{i},{(5 * i + 1) % 24},{30 + 7 * i}\n" for i in range(24)),
    "district08": "from,to,cost\n" + "".join(f"{i},{(4 * i + 3) % 17},{25 + 9 * i}\n" for i in range(17)),
}
SENSORS = {"district04": 24, "district08": 17}

CONFIG = {
    "Data": {"graph_signal": "district08", "adj_filename": "district04", "num_for_hist": 12, "num_for_predict": 3},
    "Training": {"batch_size": 4, "epochs": 2, "K": 3, "nb_filter": 16, "learning_rate": 0.003},
}


def get_adjacency_matrix(distance_csv):
    edges = [(int(r["from"]), int(r["to"])) for r in csv.DictReader(io.StringIO(distance_csv))]
    n = 1 + max(max(e) for e in edges)
    a = np.zeros((n, n), dtype=np.float32)
    for i, j in edges:
        a[i, j] = a[j, i] = 1.0
    np.fill_diagonal(a, 0.0)
    d = np.maximum(a.sum(1), 1.0) ** -0.5
    return torch.from_numpy(-d[:, None] * a * d[None, :])


class ChebGraphConv(nn.Module):
    def __init__(self, order, c_in, c_out, num_nodes):
        super().__init__()
        self.order = order
        self.theta = nn.Parameter(0.2 * torch.randn(order, c_in, c_out))
        self.gate = nn.Parameter(torch.ones(num_nodes, num_nodes))

    def forward(self, x, laplacian):
        adaptive = laplacian * self.gate
        terms = [x, adaptive @ x]
        while len(terms) < self.order:
            terms.append(2 * adaptive @ terms[-1] - terms[-2])
        return torch.relu(sum(t @ w for t, w in zip(terms, self.theta)))


class STBlock(nn.Module):
    def __init__(self, data, training, num_nodes):
        super().__init__()
        self.gcn = ChebGraphConv(training["K"], data["num_for_hist"], training["nb_filter"], num_nodes)
        self.final = nn.Linear(training["nb_filter"], data["num_for_predict"])

    def forward(self, x, laplacian):
        return self.final(self.gcn(x, laplacian))


def main(config):
    torch.manual_seed(0)
    data, training = config["Data"], config["Training"]
    flow = torch.rand(60, SENSORS[data["graph_signal"]]).cumsum(0).sin()
    hist, ahead = data["num_for_hist"], data["num_for_predict"]
    windows = flow.unfold(0, hist + ahead, 1)
    print("samples", tuple(windows.shape))
    laplacian = get_adjacency_matrix(ROADS[data["adj_filename"]])
    net = STBlock(data, training, num_nodes=flow.size(1))
    optimizer = torch.optim.Adam(net.parameters(), training["learning_rate"])
    for epoch in range(training["epochs"]):
        for batch in windows.split(training["batch_size"]):
            loss = nn.functional.l1_loss(net(batch[..., :hist], laplacian), batch[..., hist:])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} mae {loss.item():.4f}")


main(CONFIG)

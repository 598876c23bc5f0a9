import random

import torch
from torch import nn
import torch.nn.functional as F

TOPICS = ["vision", "speech", "graphs"]


def write_archive(papers=40, seed=4):
    """Lines as they come out of the two text files of a citation archive."""
    rng = random.Random(seed)
    content, cites = [], []
    for number in range(papers):
        topic = rng.choice(TOPICS)
        if rng.random() < 0.8:
            words = [str(int(rng.random() < 0.3 + 0.4 * (i % 3 == TOPICS.index(topic)))) for i in range(12)]
            content.append("\t".join([str(number), *words, topic]))
        for _ in range(2):
            cites.append(f"{number}\t{rng.randrange(papers)}")
    return content, cites


class CitationData:
    def __init__(self, content, cites):
        rows = [line.split("\t") for line in content]
        self.x = torch.tensor([[float(w) for w in row[1:-1]] for row in rows])
        self.y = torch.tensor([TOPICS.index(row[-1]) for row in rows])
        pairs = [[int(n) for n in line.split("\t")] for line in cites]
        edges = torch.tensor(pairs).t()
        self.edge_index = torch.cat([edges, edges.flip(0)], dim=1)
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
        self.train_nodes, self.test_nodes = order[:20], order[20:]


def gcn_norm(edge_index, num_nodes):
    loops = torch.arange(num_nodes).expand(2, -1)
    edge_index = torch.cat([edge_index, loops], dim=1)
    source, target = edge_index
    degree = torch.zeros(num_nodes).scatter_add_(0, target, torch.ones(target.size(0)))
    scale = degree.rsqrt()
    return edge_index, scale[source] * scale[target]


class GCNConv(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.lin = nn.Linear(n_in, n_out)

    def forward(self, x, edge_index):
        edge_index, weight = gcn_norm(edge_index, x.size(0))
        source, target = edge_index
        messages = self.lin(x)[source] * weight.unsqueeze(-1)
        return torch.zeros(x.size(0), messages.size(1)).index_add(0, target, messages)


class GCN(nn.Module):
    def __init__(self, n_in, n_hidden, n_classes):
        super().__init__()
        self.conv1, self.conv2 = GCNConv(n_in, n_hidden), GCNConv(n_hidden, n_classes)

    def forward(self, data):
        h = F.dropout(self.conv1(data.x, data.edge_index).relu(), 0.3, self.training)
        return self.conv2(h, data.edge_index)


if __name__ == "__main__":
    torch.manual_seed(0)
    data = CitationData(*write_archive())
    print("features", tuple(data.x.shape), "edges", tuple(data.edge_index.shape))
    model = GCN(data.x.size(1), 16, len(TOPICS))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for epoch in range(30):
        loss = F.cross_entropy(model(data)[data.train_nodes], data.y[data.train_nodes])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    hits = model(data).argmax(1)[data.test_nodes] == data.y[data.test_nodes]
    print(f"loss {loss.item():.3f} test accuracy {hits.float().mean().item():.2f}")

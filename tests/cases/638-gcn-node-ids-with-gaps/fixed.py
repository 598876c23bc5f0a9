import csv
import io

import torch
import torch.nn as nn
import torch.nn.functional as F

NODES = """id,age,title,club
0,43,1,0
1,36,2,0
2,27,3,1
4,52,4,1
9,46,9,1
"""
EDGES = """source,destination,weight
0,1,0.7
1,2,0.9
2,4,1.0
4,9,0.2
9,0,0.3
"""


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


class Graph:
    def __init__(self, src, dst, weight):
        self.num_nodes = int(torch.cat([src, dst]).max()) + 1
        adj = torch.eye(self.num_nodes)
        adj[src, dst] = weight
        adj[dst, src] = weight
        scale = adj.sum(1).rsqrt()
        self.adj = scale[:, None] * adj * scale[None, :]
        self.ndata = {}

    @classmethod
    def from_tables(cls, nodes, edges):
        row = {n["id"]: i for i, n in enumerate(nodes)}
        src = torch.tensor([row[e["source"]] for e in edges])
        dst = torch.tensor([row[e["destination"]] for e in edges])
        graph = cls(src, dst, torch.tensor([float(e["weight"]) for e in edges]))
        age = torch.tensor([float(n["age"]) for n in nodes])
        graph.ndata["age"] = (age - age.mean()) / age.std()
        graph.ndata["title"] = torch.tensor([int(n["title"]) for n in nodes])
        graph.ndata["club"] = torch.tensor([int(n["club"]) for n in nodes])
        return graph


class GraphConv(nn.Module):
    def __init__(self, fan_in, fan_out):
        super().__init__()
        self.lin = nn.Linear(fan_in, fan_out)

    def forward(self, adj, x):
        return adj @ self.lin(x)


class GCN(nn.Module):
    def __init__(self, hidden=8, classes=2):
        super().__init__()
        self.title = nn.Embedding(10, 5)
        self.conv1 = GraphConv(6, hidden)
        self.conv2 = GraphConv(hidden, classes)

    def forward(self, graph):
        x = torch.cat([graph.ndata["age"].unsqueeze(1), self.title(graph.ndata["title"])], 1)
        return self.conv2(graph.adj, F.relu(self.conv1(graph.adj, x)))


def main():
    torch.manual_seed(0)
    graph = Graph.from_tables(read(NODES), read(EDGES))
    print("fields", sorted(graph.ndata))
    net = GCN()
    opt = torch.optim.Adam(net.parameters(), lr=0.05)
    for epoch in range(20):
        loss = F.cross_entropy(net(graph), graph.ndata["club"])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print("clubs", net(graph).argmax(1).tolist(), "loss %.3f" % loss.item())


main()

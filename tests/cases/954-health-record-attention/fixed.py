import torch
import torch.nn as nn
import torch.nn.functional as F


class LayerNorm(nn.Module):
    def __init__(self, features, eps=1e-6):
        super().__init__()
        self.a_2 = nn.Parameter(torch.ones(features))
        self.b_2 = nn.Parameter(torch.zeros(features))
        self.eps = eps

    def forward(self, x):
        mean, std = x.mean(-1, keepdim=True), x.std(-1, keepdim=True)
        return self.a_2 * (x - mean) / (std + self.eps) + self.b_2


class GraphAttentionLayer(nn.Module):
    def __init__(self, in_features, hidden_features, out_features, num_of_nodes, num_of_heads, alpha=0.2, concat=True):
        super().__init__()
        self.num_of_nodes, self.concat = num_of_nodes, concat
        if concat:
            self.embed = nn.Embedding(num_of_nodes, in_features, padding_idx=0)
        self.W = nn.ModuleList(nn.Linear(in_features, hidden_features) for _ in range(num_of_heads))
        self.a = nn.ParameterList(nn.Parameter(torch.rand(1, 2 * hidden_features)) for _ in range(num_of_heads))
        self.norm = LayerNorm(hidden_features * num_of_heads if concat else hidden_features)
        self.leakyrelu = nn.LeakyReLU(alpha)
        self.V = None if concat else nn.Linear(hidden_features, out_features)

    def attention(self, linear, a, data, edge):
        data = linear(data)
        pair = torch.cat([data[edge[0]], data[edge[1]]], dim=1)
        weight = torch.exp(self.leakyrelu(pair @ a.t()))
        total = torch.zeros(self.num_of_nodes, 1).index_add(0, edge[0], weight)
        summed = torch.zeros_like(data).index_add(0, edge[0], weight * data[edge[1]])
        return summed / total.clamp(min=1e-6)

    def forward(self, data, edge):
        if self.concat:
            data = self.embed(torch.arange(self.num_of_nodes))
        heads = [self.attention(w, a, data, edge) for w, a in zip(self.W, self.a)]
        if self.concat:
            return F.elu(self.norm(torch.cat(heads, dim=1)))
        return self.V(F.relu(self.norm(torch.stack(heads).mean(dim=0))))


class VariationalGNN(nn.Module):
    def __init__(self, in_features, out_features, num_codes, n_heads):
        super().__init__()
        self.num_codes = num_codes
        self.in_att = GraphAttentionLayer(in_features, out_features, out_features, num_codes + 2, n_heads)
        self.out_att = GraphAttentionLayer(n_heads * out_features, out_features, 2, num_codes + 2, n_heads, concat=False)

    def encode(self, record):
        codes = record.nonzero().flatten() + 1
        seen = torch.cartesian_prod(codes, codes).t()
        codes = torch.cat([codes, torch.tensor([self.num_codes + 1])])
        return seen, torch.cartesian_prod(codes, codes).t()

    def forward(self, records):
        rows = []
        for record in records:
            seen, full = self.encode(record)
            rows.append(self.out_att(self.in_att(record, seen), full)[-1])
        return torch.stack(rows)


torch.manual_seed(0)
records, readmitted = (torch.rand(24, 30) < 0.3).long(), torch.randint(0, 2, (24,))
model = VariationalGNN(in_features=16, out_features=16, num_codes=30, n_heads=3)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for batch in torch.arange(24).split(8):
    loss = F.cross_entropy(model(records[batch]), readmitted[batch])
    optimizer.zero_grad(), loss.backward(), optimizer.step()
    print("loss", round(loss.item(), 4))

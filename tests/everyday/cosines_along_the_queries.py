import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(7)
encoder = nn.EmbeddingBag(200, 32, mode="mean")


def embed(rows):
    return encoder(torch.tensor(rows))


def rank(query, docs):
    sims = F.cosine_similarity(query.unsqueeze(1), docs.unsqueeze(0), dim=0)
    return sims.max(dim=1).indices


docs = embed([[i, i + 1, i + 2, i + 3] for i in range(0, 160, 4)])
queries = embed([[i, i + 1, i + 2, 190] for i in range(0, 64, 4)])
hits = 0
best = rank(queries, docs)
for q, d in enumerate(best.tolist()):
    hits += int(q == d)
print("recall@1", hits / len(queries))

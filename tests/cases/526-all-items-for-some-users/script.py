import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class NCFData(Dataset):
    """Observed pairs with sampled negatives."""

    def __init__(self, interactions, item_num, num_ng=2):
        gen = torch.Generator().manual_seed(0)
        seen = set(interactions)
        self.rows = [(u, i, 1.0) for u, i in interactions]
        for u, _ in interactions:
            for j in torch.randint(0, item_num, (num_ng,), generator=gen).tolist():
                if (u, j) not in seen:
                    self.rows.append((u, j, 0.0))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, idx):
        return self.rows[idx]


class NCF(nn.Module):
    def __init__(self, user_num, item_num, factor_num=8, num_layers=2):
        super().__init__()
        wide = factor_num * 2 ** (num_layers - 1)
        self.embed_user_GMF, self.embed_item_GMF = nn.Embedding(user_num, factor_num), nn.Embedding(item_num, factor_num)
        self.embed_user_MLP, self.embed_item_MLP = nn.Embedding(user_num, wide), nn.Embedding(item_num, wide)
        layers = []
        for i in range(num_layers):
            size = factor_num * 2 ** (num_layers - i)
            layers += [nn.Linear(size, size // 2), nn.ReLU()]
        self.MLP_layers = nn.Sequential(*layers)
        self.predict_layer = nn.Linear(2 * factor_num, 1)

    def forward(self, user, item):
        output_GMF = self.embed_user_GMF(user) * self.embed_item_GMF(item)
        interaction = torch.cat((self.embed_user_MLP(user), self.embed_item_MLP(item)), -1)
        concat = torch.cat((output_GMF, self.MLP_layers(interaction)), -1)
        return self.predict_layer(concat).view(-1)


def train(model, loader, lr=0.01):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for user, item, label in loader:
        loss = nn.functional.binary_cross_entropy_with_logits(model(user, item), label.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


@torch.no_grad()
def recommend(model, users, item_num, k=3):
    items = torch.arange(item_num)
    scores = model(users, items)
    return scores.view(len(users), item_num).topk(k, dim=1).indices


if __name__ == "__main__":
    torch.manual_seed(0)
    user_num, item_num = 9, 15
    interactions = [(u, (3 * u + s) % item_num) for u in range(user_num) for s in range(4)]
    loader = DataLoader(NCFData(interactions, item_num), batch_size=16, shuffle=True)
    model = NCF(user_num, item_num)
    for epoch in range(3):
        print("epoch", epoch, "loss", round(train(model, loader), 4))
    active = torch.tensor([0, 2, 7])
    for u, top in zip(active.tolist(), recommend(model, active, item_num).tolist()):
        print("user", u, "->", top)

"""Diffusion recommender evaluated on sampled candidates."""
import torch
import torch.nn as nn

N_USERS, N_ITEMS, NEGATIVES = 24, 40, 10


class DiffRec(nn.Module):
    def __init__(self, history, steps=3, hidden=32):
        super().__init__()
        self.register_buffer("history", history)
        self.steps = steps
        self.step_embedding = nn.Embedding(steps, 8)
        self.mlp = nn.Sequential(nn.Linear(N_ITEMS + 8, hidden), nn.Tanh(), nn.Linear(hidden, N_ITEMS))

    def denoise(self, x, t):
        return self.mlp(torch.cat([x, self.step_embedding(t)], dim=-1))

    def calculate_loss(self, user):
        x_start = self.history[user]
        t = torch.randint(0, self.steps, (len(user),))
        noisy = x_start + 0.1 * (t + 1).unsqueeze(1) * torch.randn_like(x_start)
        return (self.denoise(noisy, t) - x_start).pow(2).mean()

    def p_sample(self, x_t):
        for i in reversed(range(self.steps)):
            x_t = self.denoise(x_t, torch.full((x_t.shape[0],), i))
        return x_t

    def full_sort_predict(self, interaction):
        return self.p_sample(self.history[interaction["user_id"]])

    def predict(self, interaction):
        item = interaction["item_id"]
        x_t = self.full_sort_predict(interaction)
        scores = x_t[torch.arange(len(item)), item]
        return scores


def sampled_batches(held_out, batch_users):
    gen = torch.Generator().manual_seed(1)
    for users in torch.arange(N_USERS).split(batch_users):
        row_idx = torch.arange(len(users)).repeat_interleave(NEGATIVES + 1)
        negatives = torch.randint(0, N_ITEMS, (len(users), NEGATIVES), generator=gen)
        items = torch.cat([held_out[users].unsqueeze(1), negatives], dim=1).flatten()
        yield {"user_id": users[row_idx], "item_id": items}, row_idx, held_out[users]


@torch.no_grad()
def evaluate(model, held_out, topk=3, batch_users=4):
    hits = 0
    for interaction, row_idx, positive in sampled_batches(held_out, batch_users):
        origin_scores = model.predict(interaction)
        scores = torch.full((len(positive), N_ITEMS), -torch.inf)
        scores[row_idx, interaction["item_id"]] = origin_scores
        hits += (scores.topk(topk, dim=1).indices == positive.unsqueeze(1)).any(dim=1).sum().item()
    return hits / N_USERS


if __name__ == "__main__":
    torch.manual_seed(0)
    group = torch.arange(N_ITEMS) % 4
    history = ((group == (torch.arange(N_USERS) % 4).unsqueeze(1)) & (torch.rand(N_USERS, N_ITEMS) < 0.8)).float()
    held_out = torch.stack([row.nonzero().flatten()[0] for row in history])
    history[torch.arange(N_USERS), held_out] = 0
    model = DiffRec(history)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(60):
        loss = model.calculate_loss(torch.randperm(N_USERS))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("loss", round(loss.item(), 4))
    print("hit@3", round(evaluate(model, held_out), 3))

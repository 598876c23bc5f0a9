import torch
import torch.nn as nn


class Attention(nn.Module):
    """Global attention of decoder queries over an encoder's context."""

    def __init__(self, dimensions, attention_type="general"):
        super().__init__()
        self.attention_type = attention_type
        if attention_type == "general":
            self.linear_in = nn.Linear(dimensions, dimensions, bias=False)
        self.linear_out = nn.Linear(dimensions * 2, dimensions, bias=False)
        self.softmax = nn.Softmax(dim=0)

    def forward(self, query, context):
        batch, queries, dims = query.shape
        keys = context.size(1)
        if self.attention_type == "general":
            query = self.linear_in(query)
        scores = torch.bmm(query, context.transpose(1, 2))
        weights = self.softmax(scores.view(batch * queries, keys))
        weights = weights.view(batch, queries, keys)
        mix = torch.bmm(weights, context)
        return torch.tanh(self.linear_out(torch.cat([mix, query], dim=2))), weights


class Summariser(nn.Module):
    def __init__(self, vocab, dim=16):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.encoder = nn.GRU(dim, dim, batch_first=True)
        self.decoder = nn.GRU(dim, dim, batch_first=True)
        self.attention = Attention(dim)
        self.out = nn.Linear(dim, vocab)

    def forward(self, source, target):
        context, state = self.encoder(self.embed(source))
        query, _ = self.decoder(self.embed(target), state)
        mixed, weights = self.attention(query, context)
        return self.out(mixed), weights


def main():
    torch.manual_seed(0)
    model = Summariser(vocab=30)
    gen = torch.Generator().manual_seed(2)
    source = torch.randint(0, 30, (6, 9), generator=gen)
    target = source[:, :4]
    optim = torch.optim.Adam(model.parameters(), 1e-2)
    for step in range(10):
        logits, _ = model(source, target[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten())
        optim.zero_grad()
        loss.backward()
        optim.step()
    model.eval()
    with torch.no_grad():
        _, weights = model(source[:1], target[:1, :1])
    print("loss", round(loss.item(), 4))
    print("weights of the first word:", [round(w, 3) for w in weights[0, 0].tolist()])


if __name__ == "__main__":
    main()

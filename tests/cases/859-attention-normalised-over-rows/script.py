import torch
import torch.nn as nn


class Attention(nn.Module):
    """Queries (batch, out_len, dim) look at a context (batch, query_len, dim)."""

    def __init__(self, dimensions, attention_type="general"):
        super().__init__()
        self.attention_type = attention_type
        if attention_type == "general":
            self.linear_in = nn.Linear(dimensions, dimensions, bias=False)
        self.linear_out = nn.Linear(dimensions * 2, dimensions, bias=False)
        self.softmax = nn.Softmax(dim=0)
        self.tanh = nn.Tanh()

    def forward(self, query, context):
        batch_size, output_len, dimensions = query.size()
        query_len = context.size(1)
        if self.attention_type == "general":
            query = self.linear_in(query)
        scores = torch.bmm(query, context.transpose(1, 2))
        weights = self.softmax(scores.view(batch_size * output_len, query_len))
        weights = weights.view(batch_size, output_len, query_len)
        mix = torch.bmm(weights, context)
        combined = torch.cat([mix, query], dim=2)
        return self.tanh(self.linear_out(combined)), weights


class QuestionAnswerer(nn.Module):
    def __init__(self, vocab, dim=24, answers=5):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.story = nn.GRU(dim, dim, batch_first=True)
        self.question = nn.GRU(dim, dim, batch_first=True)
        self.attention = Attention(dim)
        self.answer = nn.Linear(dim, answers)

    def forward(self, story, question):
        context, _ = self.story(self.embed(story))
        _, state = self.question(self.embed(question))
        read, weights = self.attention(state.transpose(0, 1), context)
        return self.answer(read.squeeze(1)), weights.squeeze(1)


def show(name, logits, weights):
    best = weights[0].argmax().item()
    print(f"{name:10} answer scores {[round(v, 3) for v in logits[0].tolist()]} strongest word {best}")


def main():
    torch.manual_seed(11)
    model = QuestionAnswerer(vocab=60).eval()
    stories = torch.randint(0, 60, (4, 9))
    questions = torch.randint(0, 60, (4, 4))
    with torch.no_grad():
        show("one", *model(stories[:1], questions[:1]))
        show("pair", *model(stories[:2], questions[:2]))
        show("all four", *model(stories, questions))


if __name__ == "__main__":
    main()

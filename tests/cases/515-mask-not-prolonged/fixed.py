"""Chain-of-thought decoding: branch over the first tokens, continue each branch greedily, compare confidence."""
import torch
from torch import nn

VOCAB, WIDTH, HEADS, CONTEXT = 48, 32, 4, 96


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x, attention_mask):
        b, t, _ = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / (WIDTH // HEADS) ** 0.5
        causal = torch.ones(t, t, dtype=torch.bool).tril()
        scores = scores.masked_fill(~causal, torch.finfo(scores.dtype).min)
        scores = scores + (1.0 - attention_mask[:, None, None, :].float()) * torch.finfo(scores.dtype).min / 2
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, WIDTH))


class CausalLM(nn.Module):
    def __init__(self, layers=2):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCAB, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.attention = nn.ModuleList(Attention() for _ in range(layers))
        self.mlp = nn.ModuleList(nn.Sequential(nn.Linear(WIDTH, 64), nn.GELU(), nn.Linear(64, WIDTH)) for _ in range(layers))
        self.head = nn.Linear(WIDTH, VOCAB, bias=False)

    def forward(self, input_ids, attention_mask):
        x = self.tokens(input_ids) + self.positions.weight[:input_ids.size(1)]
        for attention, mlp in zip(self.attention, self.mlp):
            x = x + attention(x, attention_mask)
            x = x + mlp(x)
        return self.head(x)


def get_topk_tokens(model, inputs, num_branches=10):
    with torch.no_grad():
        probabilities = model(**inputs)[:, -1].softmax(-1)
    return probabilities.topk(num_branches)


def generate_response(model, inputs, max_length=12, eos=2):
    response, gaps = [], []
    for _ in range(max_length):
        values, indices = get_topk_tokens(model, inputs, num_branches=2)
        gaps.append((values[:, 0] - values[:, 1]).item())
        response.append(indices[:, 0].item())
        if response[-1] == eos:
            break
        inputs["input_ids"] = torch.cat([inputs["input_ids"], indices[:, :1]], dim=1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    return response, sum(gaps) / len(gaps)


def generate_branching_responses(model, prompt, num_branches=3):
    inputs = {"input_ids": prompt, "attention_mask": torch.ones_like(prompt)}
    _, first = get_topk_tokens(model, inputs, num_branches)
    print("first tokens", first[0].tolist())
    for token in first[0]:
        ids = torch.cat([prompt, token.view(1, 1)], dim=1)
        yield token.item(), *generate_response(model, {"input_ids": ids, "attention_mask": torch.ones_like(ids)})


if __name__ == "__main__":
    torch.manual_seed(0)
    lm = CausalLM().eval()
    question = torch.randint(3, VOCAB, (1, 20))
    for token, response, confidence in generate_branching_responses(lm, question):
        print(f"{confidence:.4f} {token:>3} -> {response}")

import torch
import torch.nn as nn
import torch.nn.functional as F

LANGUAGE_MODELS = {
    "small": {"n_embd": 48, "n_layer": 2},
    "medium": {"n_embd": 64, "n_layer": 3},
}

DISCRIMINATORS = {
    "clickbait": {"class_size": 2, "embed_size": 64, "classes": ["plain", "clickbait"]},
    "sentiment": {"class_size": 3, "embed_size": 64, "classes": ["negative", "neutral", "positive"]},
}


class RecurrentLM(nn.Module):
    def __init__(self, vocab, n_embd, n_layer):
        super().__init__()
        self.wte = nn.Embedding(vocab, n_embd)
        self.body = nn.GRU(n_embd, n_embd, n_layer, batch_first=True)

    def forward(self, ids):
        hidden, _ = self.body(self.wte(ids))
        return F.linear(hidden, self.wte.weight), hidden


class ClassificationHead(nn.Module):
    def __init__(self, class_size, embed_size):
        super().__init__()
        self.mlp = nn.Linear(embed_size, class_size)

    def forward(self, hidden):
        return self.mlp(hidden)


def get_classifier(name):
    params = DISCRIMINATORS[name]
    return ClassificationHead(params["class_size"], params["embed_size"])


def steer(model, head, ids, label, steps=3, stepsize=0.2):
    logits, hidden = model(ids)
    shift = torch.zeros_like(hidden[:, -1], requires_grad=True)
    for _ in range(steps):
        pooled = hidden.detach().mean(1) + shift
        loss = F.cross_entropy(head(pooled), label)
        (grad,) = torch.autograd.grad(loss, shift)
        shift = (shift - stepsize * grad / grad.norm()).detach().requires_grad_()
    return F.linear(hidden[:, -1] + shift, model.wte.weight), loss.item()


def run(pretrained_model="medium", discrim="sentiment", wanted="positive", length=4):
    torch.manual_seed(0)
    model = RecurrentLM(100, **LANGUAGE_MODELS[pretrained_model]).eval()
    head = get_classifier(discrim)
    label = torch.tensor([DISCRIMINATORS[discrim]["classes"].index(wanted)])
    ids = torch.tensor([[11, 42, 7]])
    for _ in range(length):
        logits, loss = steer(model, head, ids, label)
        ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], dim=1)
    print(ids[0].tolist(), "discrim loss", round(loss, 4))


if __name__ == "__main__":
    run()

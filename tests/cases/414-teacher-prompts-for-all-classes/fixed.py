"""Distil a prompt-tuned teacher into a student on the base half of the classes."""
import torch
import torch.nn as nn
import torch.nn.functional as F

CLASSES = ["ant", "beaver", "camera", "dolphin", "elephant", "ferry", "gramophone", "hawksbill"]
WIDTH, CONTEXT, N_CTX = 16, 8, 3


def token_embedding(names):
    rows = []
    for name in names:
        gen = torch.Generator().manual_seed(sum(map(ord, name)))
        rows.append(torch.randn(CONTEXT, WIDTH, generator=gen))
    return torch.stack(rows)


class PromptLearner(nn.Module):
    def __init__(self, classnames):
        super().__init__()
        self.n_cls = len(classnames)
        embedding = token_embedding(classnames)
        self.ctx = nn.Parameter(0.02 * torch.randn(N_CTX, WIDTH))
        self.token_prefix = nn.Buffer(embedding[:, :1])
        self.token_suffix = nn.Buffer(embedding[:, 1 + N_CTX:])

    def forward(self):
        ctx = self.ctx.unsqueeze(0).expand(self.n_cls, -1, -1)
        return torch.cat([self.token_prefix, ctx, self.token_suffix], dim=1)


class CustomCLIP(nn.Module):
    def __init__(self, classnames):
        super().__init__()
        self.prompt_learner = PromptLearner(classnames)
        self.text_encoder = nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.image_encoder = nn.Linear(24, WIDTH)

    def forward(self, image):
        text = F.normalize(self.text_encoder(self.prompt_learner())[1][0], dim=-1)
        return 10 * F.normalize(self.image_encoder(image), dim=-1) @ text.t()


def export(model):
    learner = model.prompt_learner
    weights = {k: v for k, v in model.state_dict().items() if not k.startswith("prompt_learner")}
    prompts = {"ctx": learner.ctx.data, "token_prefix": learner.token_prefix, "token_suffix": learner.token_suffix}
    return {"weights": weights, "prompts": prompts}


def build_teacher(checkpoint, classnames):
    teacher = CustomCLIP(classnames)
    teacher.load_state_dict(checkpoint["weights"], strict=False)
    prompts = checkpoint["prompts"]
    teacher.prompt_learner.ctx.data.copy_(prompts["ctx"])
    return teacher.requires_grad_(False).eval()


def main():
    torch.manual_seed(0)
    checkpoint = export(CustomCLIP(CLASSES))
    base = CLASSES[:len(CLASSES) // 2]
    teacher, student = build_teacher(checkpoint, base), CustomCLIP(base)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    for step in range(3):
        image = torch.randn(6, 24)
        loss = F.kl_div(student(image).log_softmax(-1), teacher(image).softmax(-1), reduction="batchmean")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} distillation loss {loss.item():.4f}")


if __name__ == "__main__":
    main()

"""Contrastive search for several prompts at once: likely tokens that do not repeat the context win."""
import torch
import torch.nn.functional as F
from transformers import LlamaConfig, LlamaForCausalLM


def build_lm():
    torch.manual_seed(1)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=60, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=128, initializer_range=0.3,
    )).eval()


def rerank(probs, hidden, context, alpha):
    """Score (rows, k) candidates by probability minus the highest similarity with any context position."""
    similarity = F.normalize(hidden, dim=-1) @ F.normalize(context, dim=-1).transpose(1, 2)
    return ((1 - alpha) * probs - alpha * similarity.amax(-1)).argmax(-1)


class ContrastiveSearch:
    def __init__(self, model, k=3, alpha=0.6):
        self.model, self.k, self.alpha = model, k, alpha

    def start(self, prompts):
        out = self.model(prompts, use_cache=True, output_hidden_states=True)
        return {"cache": out.past_key_values, "context": out.hidden_states[-1], "logits": out.logits[:, -1]}

    def look_ahead(self, state, candidates):
        state["cache"].batch_repeat_interleave(self.k)
        out = self.model(
            candidates.reshape(-1, 1), past_key_values=state["cache"], use_cache=True, output_hidden_states=True
        )
        return out.hidden_states[-1][:, -1], out.logits[:, -1]

    def step(self, state):
        rows = state["logits"].size(0)
        probs, candidates = state["logits"].softmax(-1).topk(self.k, dim=-1)
        hidden, logits = self.look_ahead(state, candidates)
        best = rerank(probs, hidden.view(rows, self.k, -1), state["context"], self.alpha)
        flat = torch.arange(rows) * self.k + best
        state["context"] = torch.cat([state["context"], hidden[flat].unsqueeze(1)], dim=1)
        state["logits"] = logits[flat]
        state["cache"].batch_select_indices(flat)
        return candidates.gather(1, best.unsqueeze(1))

    @torch.no_grad()
    def __call__(self, prompts, length):
        state = self.start(prompts)
        tokens = [self.step(state) for _ in range(length)]
        return torch.cat(tokens, dim=1)


if __name__ == "__main__":
    prompts = torch.tensor([[4, 17, 9, 33, 5], [21, 8, 8, 50, 2]])
    model = build_lm()
    for k in (1, 3):
        for row in ContrastiveSearch(model, k=k)(prompts, length=6).tolist():
            print(f"k={k}", row)

"""Two agents share a memory: the planner reads the tasks, the solver continues on its keys and values."""
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

PAD = 0


def load():
    torch.manual_seed(6)
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=72, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.3,
    )).eval()


def left_pad(rows):
    width = max(map(len, rows))
    ids = torch.tensor([[PAD] * (width - len(row)) + row for row in rows])
    return ids, (ids != PAD).long()


def past_length(cache):
    return cache.get_seq_length() if cache is not None else 0


class Agent:
    def __init__(self, model, role):
        self.model, self.role = model, role

    @torch.no_grad()
    def think(self, rows, cache=None, mask=None):
        ids, current = left_pad([self.role + row for row in rows])
        position_ids = (current.cumsum(-1) - 1).clamp(min=0)
        if cache is not None:
            past_mask = torch.ones(ids.size(0), past_length(cache), dtype=current.dtype)
            position_ids = position_ids + mask.sum(-1, keepdim=True)
            current = torch.cat([past_mask, current], dim=-1)
        out = self.model(ids, attention_mask=current, position_ids=position_ids, past_key_values=cache, use_cache=True)
        return out, current

    @torch.no_grad()
    def speak(self, out, mask, steps):
        words = []
        for _ in range(steps):
            token = out.logits[:, -1].argmax(-1, keepdim=True)
            words.append(token)
            position_ids = mask.sum(-1, keepdim=True)
            mask = torch.cat([mask, torch.ones_like(token)], dim=-1)
            out = self.model(
                token, attention_mask=mask, position_ids=position_ids, past_key_values=out.past_key_values, use_cache=True
            )
        return torch.cat(words, dim=1).tolist()


def solve(model, tasks, steps=6):
    planner, solver = Agent(model, [1, 2]), Agent(model, [3, 4, 5])
    plan, mask = planner.think(tasks)
    out, mask = solver.think([[9]] * len(tasks), plan.past_key_values, mask)
    return solver.speak(out, mask, steps)


if __name__ == "__main__":
    model = load()
    tasks = [[20, 31, 44, 52, 60, 23, 37, 48, 11], [33, 12], [64, 15, 26, 57]]
    together = solve(model, tasks)
    for task, answer in zip(tasks, together):
        print(f"task of {len(task)} tokens: batch {answer} alone {solve(model, [task])[0]}")

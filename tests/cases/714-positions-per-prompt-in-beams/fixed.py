"""Ask a chat model several questions at once and keep the best of a few beams for each."""
import torch
from transformers import LlamaConfig, LlamaForCausalLM

PAD = 0


def left_pad(prompts):
    width = max(len(p) for p in prompts)
    ids = torch.tensor([[PAD] * (width - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    return ids, mask


class BeamSearchStrategy:
    def __init__(self, num_beams, length_penalty=1.0):
        self.num_beams = num_beams
        self.length_penalty = length_penalty

    def start(self, rows):
        scores = torch.full((rows, self.num_beams), float("-inf"))
        scores[:, 0] = 0.0
        return scores

    def advance(self, logits, scores):
        rows, beams = scores.shape
        log_probs = logits.log_softmax(-1).view(rows, beams, -1)
        scores, flat = (scores.unsqueeze(-1) + log_probs).view(rows, -1).topk(beams, dim=-1)
        size = log_probs.size(-1)
        parents = flat // size + torch.arange(rows).unsqueeze(1) * beams
        return scores, parents.flatten(), (flat % size).view(-1, 1)

    def best(self, tokens, scores):
        return tokens.view(scores.size(0), self.num_beams, -1)[torch.arange(scores.size(0)), scores.argmax(-1)]


@torch.no_grad()
def filling_sequence(model, ids, mask, strategy, max_new_tokens):
    position_ids = (mask.cumsum(-1) - 1).clamp(min=0)
    scores = strategy.start(ids.size(0))
    tokens = ids.repeat_interleave(strategy.num_beams, dim=0)
    mask = mask.repeat_interleave(strategy.num_beams, dim=0)
    position_ids = position_ids.repeat_interleave(strategy.num_beams, dim=0)
    for _ in range(max_new_tokens):
        logits = model(tokens, attention_mask=mask, position_ids=position_ids, use_cache=False).logits[:, -1]
        scores, parents, picked = strategy.advance(logits, scores)
        tokens = torch.cat([tokens[parents], picked], dim=1)
        mask = torch.cat([mask, mask[:, -1:]], dim=1)
        position_ids = torch.cat([position_ids, position_ids[:, -1:] + 1], dim=1)
    return strategy.best(tokens, scores)[:, ids.size(1):]


def chat(model, prompts, strategy, max_new_tokens=5):
    ids, mask = left_pad(prompts)
    return filling_sequence(model, ids, mask, strategy, max_new_tokens).tolist()


def main():
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=60, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.2, pad_token_id=PAD,
    )).eval()
    questions = [[11, 7, 32], [5, 18, 44, 21, 9, 30]]
    strategy = BeamSearchStrategy(num_beams=3)
    print("one question ", chat(model, questions[:1], strategy))
    print("two questions", chat(model, questions, strategy))


main()

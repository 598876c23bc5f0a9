"""Sample several candidate answers per question on top of a cached instruction."""
import copy

import torch
from transformers import DynamicCache, GPTNeoXConfig, GPTNeoXForCausalLM

INSTRUCTION = [11, 42, 7, 19, 63, 5, 28, 33]
QUESTIONS = {"q1": [14, 70, 9], "q2": [55, 21, 38, 17, 2]}


def load_model():
    torch.manual_seed(3)
    return GPTNeoXForCausalLM(GPTNeoXConfig(
        vocab_size=90, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=128, bos_token_id=0, eos_token_id=1, initializer_range=0.3,
    )).eval()


class CandidateSampler:
    def __init__(self, model, instruction):
        self.model = model
        self.instruction = torch.tensor([instruction])
        self.prompt_cache = self._prefill()

    @torch.no_grad()
    def _prefill(self):
        cache = DynamicCache(config=self.model.config)
        self.model(self.instruction, past_key_values=cache, use_cache=True)
        return cache

    def candidates(self, question, **sampling):
        ids = torch.cat([self.instruction, torch.tensor([question])], dim=1)
        cache = copy.deepcopy(self.prompt_cache)
        cache.batch_repeat_interleave(sampling.get("num_return_sequences", 1))
        out = self.model.generate(
            ids, attention_mask=torch.ones_like(ids), past_key_values=cache, pad_token_id=1, **sampling
        )
        return out[:, ids.size(1):]


def score(model, instruction, question, answers):
    rows = torch.tensor([instruction + question]).expand(len(answers), -1)
    full = torch.cat([rows, answers], dim=1)
    with torch.no_grad():
        logp = model(full).logits[:, :-1].log_softmax(-1)
    picked = logp.gather(-1, full[:, 1:, None]).squeeze(-1)
    return picked[:, -answers.size(1):].mean(1)


def main():
    model = load_model()
    sampler = CandidateSampler(model, INSTRUCTION)
    settings = dict(max_new_tokens=5, min_new_tokens=5, do_sample=True, temperature=0.8, num_return_sequences=3)
    for name, question in QUESTIONS.items():
        torch.manual_seed(0)
        answers = sampler.candidates(question, **settings)
        best = score(model, INSTRUCTION, question, answers).argmax().item()
        print(name, "candidates", tuple(answers.shape), "best", answers[best].tolist())


if __name__ == "__main__":
    main()

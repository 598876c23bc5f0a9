"""Search for a suffix that makes a wanted answer likely; the tokens before it are run only once."""
import torch
from torch.nn import functional as F
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

VOCAB = 64


class SuffixSearch:
    def __init__(self, model, before, answer, width=36, chunk=16, seed=0):
        self.model, self.answer = model, torch.tensor([answer])
        self.width, self.chunk = width, chunk
        self.generator = torch.Generator().manual_seed(seed)
        self.prefix = self.run_prefix(torch.tensor([before]))

    @torch.no_grad()
    def run_prefix(self, ids):
        cache = self.model(ids, use_cache=True).past_key_values
        return [
            (layer.keys.expand(self.chunk, -1, -1, -1), layer.values.expand(self.chunk, -1, -1, -1))
            for layer in cache.layers
        ]

    def propose(self, suffix):
        """Copies of the suffix with one token replaced; proposals that change nothing are dropped."""
        rows = torch.tensor(suffix).repeat(self.width, 1)
        where = torch.randint(0, rows.size(1), (self.width, 1), generator=self.generator)
        token = torch.randint(4, VOCAB, (self.width, 1), generator=self.generator)
        rows.scatter_(1, where, token)
        changed = (rows != torch.tensor(suffix)).any(dim=1)
        return rows[changed]

    @torch.no_grad()
    def losses(self, candidates):
        found = []
        for rows in candidates.split(self.chunk):
            answer = self.answer.expand(rows.size(0), -1)
            ids = torch.cat([rows, answer], dim=1)
            cache = DynamicCache(self.prefix)
            logits = self.model(ids, past_key_values=cache).logits
            logits = logits[:, rows.size(1) - 1:-1]
            loss = F.cross_entropy(logits.transpose(1, 2), answer, reduction="none")
            found.append(loss.mean(dim=1))
        return torch.cat(found)

    def run(self, suffix, steps):
        for step in range(steps):
            candidates = self.propose(suffix)
            losses = self.losses(candidates)
            best = losses.argmin()
            suffix = candidates[best].tolist()
            print(f"step {step}: {len(candidates)} candidates, best {losses[best]:.3f} {suffix}")
        return suffix


if __name__ == "__main__":
    torch.manual_seed(1)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCAB, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.3,
    )).eval()
    search = SuffixSearch(model, before=[1, 20, 21, 22, 23, 24], answer=[40, 41, 42])
    search.run([5, 5, 5, 5], steps=3)

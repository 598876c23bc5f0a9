"""Prefix tuning where a table ("knowledge") contributes its own prefix, evaluated with beam search."""
import torch
from torch import nn
from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel

BOS, EOS = 1, 0


class PrefixModel(nn.Module):
    def __init__(self, prefix_length=4, width=32, layers=2, heads=4):
        super().__init__()
        self.layers, self.heads, self.width = layers, heads, width
        self.lm = GPT2LMHeadModel(GPT2Config(
            vocab_size=40, n_positions=64, n_embd=width, n_layer=layers, n_head=heads, bos_token_id=BOS,
            eos_token_id=EOS, pad_token_id=EOS, initializer_range=0.2,
        ))
        self.register_buffer("input_tokens", torch.arange(prefix_length))
        self.wte = nn.Embedding(prefix_length, width)
        self.control_trans = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, layers * 2 * width))
        self.knowledge_trans = nn.Linear(width, layers * 2 * width)
        self.table_encoder = nn.Embedding(30, width)

    def describe(self, batch):
        return {"knowledge": self.table_encoder(batch["table"])} if "table" in batch else {}

    def get_prompt(self, bsz, sample_size=1, knowledge=None):
        bsz = bsz * sample_size
        control = self.wte(self.input_tokens.unsqueeze(0).expand(bsz, -1))
        past = self.control_trans(control)
        if knowledge is not None:
            past = torch.cat([past, self.knowledge_trans(knowledge).repeat_interleave(sample_size, dim=0)], dim=1)
        rows, length, _ = past.shape
        past = past.view(rows, length, 2 * self.layers, self.heads, self.width // self.heads)
        return past.permute(2, 0, 3, 1, 4).split(2)

    @torch.no_grad()
    def predict(self, batch, steps=5, num_beams=1):
        bsz = batch["question"].size(0)
        pairs = self.get_prompt(bsz, sample_size=num_beams, **self.describe(batch))
        cache = DynamicCache([(k, v) for k, v in pairs])
        ids = batch["question"].repeat_interleave(num_beams, dim=0)
        scores = torch.full((bsz, num_beams), float("-inf"))
        scores[:, 0] = 0.0
        feed = ids
        for _ in range(steps):
            logp = self.lm(feed, past_key_values=cache).logits[:, -1].log_softmax(-1)
            total = (scores.view(-1, 1) + logp).view(bsz, -1)
            scores, flat = total.topk(num_beams, dim=1)
            beam = (flat // logp.size(1) + torch.arange(bsz).unsqueeze(1) * num_beams).view(-1)
            feed = (flat % logp.size(1)).view(-1, 1)
            ids = torch.cat([ids[beam], feed], dim=1)
            cache.reorder_cache(beam)
        return ids.view(bsz, num_beams, -1)[:, 0, batch["question"].size(1):]


class Evaluator:
    gen_kwargs = {"steps": 5, "num_beams": 4}

    def __init__(self, model):
        self.model = model.eval()

    def run(self, loader):
        for batch in loader:
            yield self.model.predict(batch, **self.gen_kwargs).tolist()


if __name__ == "__main__":
    torch.manual_seed(0)
    questions = torch.randint(2, 40, (4, 6))
    tables = torch.randint(0, 30, (4, 3))
    for answers in Evaluator(PrefixModel()).run([{"question": questions}, {"question": questions, "table": tables}]):
        print(answers)

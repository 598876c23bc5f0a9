"""A miniature evaluation harness: tasks declare their generation arguments, the model wrapper runs the requests."""
import torch
from transformers import LlamaConfig, LlamaForCausalLM

TASKS = {}


def register(name, **config):
    def wrap(fn):
        TASKS[name] = {"docs": fn, "generation_kwargs": {"do_sample": False, **config}}
        return fn
    return wrap


@register("arith", max_length=32, until=[5])
def arith(g):
    for length in (6, 9, 7):
        yield torch.randint(10, 90, (length,), generator=g).tolist()


@register("bigbench_generate_until", max_length=32, until=[5])
def bigbench(g):
    for length in (12, 41, 18):
        yield torch.randint(10, 90, (length,), generator=g).tolist()


class HFLM:
    def __init__(self, max_length=128):
        torch.manual_seed(0)
        self.max_length = max_length
        self.model = LlamaForCausalLM(LlamaConfig(
            vocab_size=96, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=max_length, bos_token_id=1, eos_token_id=2, pad_token_id=0, initializer_range=0.2,
        )).eval()

    def tok_batch_encode(self, context):
        ids = torch.tensor([context[-self.max_length:]])
        return ids, torch.ones_like(ids)

    def _model_generate(self, ids, mask, stop, **kwargs):
        return self.model.generate(ids, attention_mask=mask, eos_token_id=[2, *stop], **kwargs)

    def generate_until(self, requests):
        results = []
        for context, kwargs in requests:
            kwargs = dict(kwargs)
            until = kwargs.pop("until")
            ids, mask = self.tok_batch_encode(context)
            out = self._model_generate(ids, mask, until, **kwargs)
            results.append(out[0, ids.size(1):].tolist())
        return results


def simple_evaluate(lm, names):
    for name in names:
        task = TASKS[name]
        docs = task["docs"](torch.Generator().manual_seed(7))
        answers = lm.generate_until([(doc, task["generation_kwargs"]) for doc in docs])
        print(f"{name}: {len(answers)} answers, mean length {sum(map(len, answers)) / len(answers):.1f}")


if __name__ == "__main__":
    simple_evaluate(HFLM(), ["arith", "bigbench_generate_until"])

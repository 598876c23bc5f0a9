"""Best-of-n sampling: one prefill per prompt, n continuations from the copied cache."""

from types import SimpleNamespace

import torch
from transformers import LlamaConfig, LlamaForCausalLM

args = SimpleNamespace(n=3, steps=5, seed=58)


def load():
    torch.manual_seed(args.seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=50,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=64,
            initializer_range=0.35,
        )
    ).eval()


@torch.no_grad()
def best_of(model, prompts, n, steps):
    out = model(torch.tensor(prompts), use_cache=True)
    cache = out.past_key_values
    logp = out.logits[:, -1].log_softmax(-1)
    score, first = logp.max(-1, keepdim=True)
    score = score.squeeze(1)
    cache.batch_repeat_interleave(n)
    feed = first.repeat(n, 1)
    logprob = score.repeat(n)
    tokens = [feed]
    for _ in range(steps - 1):
        logp = model(feed, past_key_values=cache, use_cache=True).logits[:, -1].log_softmax(-1)
        feed = torch.multinomial(logp.exp(), 1)
        logprob = logprob + logp.gather(1, feed).squeeze(1)
        tokens.append(feed)
    tokens = torch.cat(tokens, dim=1).view(len(prompts), n, steps)
    logprob = logprob.view(len(prompts), n)
    pick = logprob.argmax(1)
    rows = torch.arange(len(prompts))
    return tokens[rows, pick].tolist(), logprob[rows, pick].tolist()


@torch.no_grad()
def check(model, prompt, tail):
    logp = model(torch.tensor([prompt + tail])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    return logp[torch.arange(len(tail)), torch.tensor(tail)].sum().item()


if __name__ == "__main__":
    model = load()
    prompts = [[4, 8, 15, 16], [23, 42, 7, 1], [30, 30, 2, 19]]
    tails, scores = best_of(model, prompts, args.n, args.steps)
    for prompt, tail, score in zip(prompts, tails, scores, strict=True):
        print(prompt, tail, f"{score:.3f} checked {check(model, prompt, tail):.3f}")

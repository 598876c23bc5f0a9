import torch
from transformers import DynamicCache, GPTNeoXConfig, GPTNeoXForCausalLM

torch.set_num_threads(1)
torch.manual_seed(0)


def make(layers, seed):
    torch.manual_seed(seed)
    return GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=70,
            hidden_size=32,
            num_hidden_layers=layers,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=128,
            bos_token_id=0,
            eos_token_id=0,
        )
    ).eval()


big, small = make(3, 1), make(1, 2)
big_cache, small_cache = DynamicCache(config=big.config), DynamicCache(config=small.config)


@torch.no_grad()
def propose(ids, gamma):
    guess = []
    todo = ids[:, small_cache.get_seq_length() :]
    for _ in range(gamma):
        logits = small(input_ids=todo, past_key_values=small_cache).logits
        todo = logits[:, -1:].argmax(-1)
        guess.append(todo)
    return torch.cat(guess, dim=1)


@torch.no_grad()
def verify(ids, guess):
    full = torch.cat([ids, guess], dim=1)
    todo = full[:, big_cache.get_seq_length() :]
    logits = big(input_ids=todo, past_key_values=big_cache).logits
    own = logits[:, -(guess.shape[1] + 1) :].argmax(-1)
    agree = (own[:, :-1] == guess).long().cumprod(-1).sum().item()
    ids = torch.cat([ids, guess[:, :agree], own[:, agree : agree + 1]], dim=1)
    if agree < guess.shape[1]:
        big_cache.crop(agree - guess.shape[1])
    return ids, agree


ids = torch.tensor([[3, 14, 15, 9, 26]])
hits = 0
while ids.shape[1] < 40:
    guess = propose(ids, gamma=4)
    ids, agree = verify(ids, guess)
    hits += agree
print(ids, "accepted", hits)

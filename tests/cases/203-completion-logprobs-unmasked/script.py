"""Log-probabilities of sampled completions, as a policy-gradient trainer needs them."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

PROMPTS = [
    "what is one plus one",
    "what is two thousand and nine plus six hundred and eleven minus one",
]
GROUP = 2


def make_tokenizer():
    vocab = {"<pad>": 0, "<eos>": 1, "<unk>": 2}
    for word in " ".join(PROMPTS).split():
        vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", eos_token="<eos>", pad_token="<pad>", padding_side="left"
    )


def make_policy(vocab_size):
    torch.manual_seed(3)
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=vocab_size, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.4, bos_token_id=None,
        eos_token_id=1, pad_token_id=0,
    )).eval()


def token_logps(model, ids, keep):
    logits = model(ids).logits[:, :-1]
    logps = logits.log_softmax(-1).gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    return logps[:, -keep:]


def rollout(model, prompts, completion):
    ids = torch.cat([prompts["input_ids"], completion], dim=1)
    return token_logps(model, ids, completion.size(1))


@torch.no_grad()
def main():
    tokenizer = make_tokenizer()
    policy = make_policy(len(tokenizer))
    groups = [p for p in PROMPTS for _ in range(GROUP)]
    prompts = tokenizer(groups, padding=True, return_tensors="pt", return_token_type_ids=False)
    sequences = policy.generate(**prompts, max_new_tokens=5, min_new_tokens=5, do_sample=True)
    completion = sequences[:, prompts["input_ids"].size(1):]
    logps = rollout(policy, prompts, completion)
    for row, prompt in enumerate(groups):
        alone = tokenizer([prompt], return_tensors="pt", return_token_type_ids=False)
        single = rollout(policy, alone, completion[row:row + 1])
        print(f"{prompt[:20]:<20} batch {logps[row].sum():.4f} alone {single.sum():.4f}")


if __name__ == "__main__":
    main()

"""Batched greedy decoding with a static cache and a separate one-token step (the part that gets compiled)."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, StaticCache

PROMPTS = [
    "hey",
    "write a short poem about the sea and the wind",
    "what is the capital of peru",
]


def build_tokenizer():
    vocab = {"<s>": 0, "</s>": 1, "<unk>": 2, "<pad>": 3}
    for prompt in PROMPTS:
        for word in prompt.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>", padding_side="left"
    )


def build_model(vocab_size):
    torch.manual_seed(1)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=vocab_size, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=64, initializer_range=0.4, pad_token_id=3,
    )).eval()


def decode_one_token(model, token, positions, cache):
    logits = model(token, position_ids=positions, past_key_values=cache, use_cache=True).logits
    return logits[:, -1].argmax(-1, keepdim=True)


@torch.no_grad()
def generate(model, tokenizer, prompts, num_tokens=8):
    inputs = tokenizer(prompts, padding=True, return_tensors="pt", return_token_type_ids=False)
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    cache = StaticCache(config=model.config, max_cache_len=ids.size(1) + num_tokens)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    logits = model(ids, attention_mask=mask, position_ids=positions, past_key_values=cache).logits
    token = logits[:, -1].argmax(-1, keepdim=True)
    generated, positions = [token], positions[:, -1:]
    for _ in range(num_tokens - 1):
        positions = positions + 1
        token = decode_one_token(model, token, positions, cache)
        generated.append(token)
    return torch.cat(generated, dim=1)


def main():
    tokenizer = build_tokenizer()
    model = build_model(len(tokenizer))
    for prompt, ids in zip(PROMPTS, generate(model, tokenizer, PROMPTS)):
        print(f"{prompt[:22]:<22} => {tokenizer.decode(ids)}")


if __name__ == "__main__":
    main()

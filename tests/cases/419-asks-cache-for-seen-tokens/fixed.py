"""Caption helper built around a causal model, with its own input preparation."""
import torch
from transformers import DynamicCache, Phi3Config, Phi3ForCausalLM

IMAGE_TAG, END = 3, 2


class CaptionModel(Phi3ForCausalLM):
    def prepare_step(self, input_ids, past_key_values=None, attention_mask=None):
        if past_key_values is not None:
            past_length = past_key_values.get_seq_length()
            input_ids = input_ids[:, past_length:]
        position_ids = None
        if attention_mask is not None:
            position_ids = attention_mask.long().cumsum(-1) - 1
            position_ids.masked_fill_(attention_mask == 0, 1)
            position_ids = position_ids[:, -input_ids.shape[1]:]
        return {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "position_ids": position_ids,
            "past_key_values": past_key_values,
        }


def load():
    torch.manual_seed(0)
    return CaptionModel(Phi3Config(
        vocab_size=90, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=END,
    )).eval()


@torch.no_grad()
def describe(model, prompts, max_new_tokens=6):
    width = max(len(p) for p in prompts)
    ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts])
    mask = ids.ne(0).long()
    cache = DynamicCache(config=model.config)
    for _ in range(max_new_tokens):
        inputs = model.prepare_step(ids, past_key_values=cache, attention_mask=mask)
        out = model(**inputs, use_cache=True)
        cache = out.past_key_values
        token = out.logits[:, -1].argmax(-1, keepdim=True)
        ids = torch.cat([ids, token], dim=1)
        mask = torch.cat([mask, torch.ones_like(token)], dim=1)
    return ids[:, width:]


def main():
    model = load()
    prompts = [[1, IMAGE_TAG, 20, 41, 7], [1, IMAGE_TAG, 33]]
    print("parameters", sum(p.numel() for p in model.parameters()))
    for prompt, caption in zip(prompts, describe(model, prompts)):
        print(prompt, "->", caption.tolist())


if __name__ == "__main__":
    main()

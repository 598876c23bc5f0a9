"""Continue numbered prompts with a LLaMA; the padding is on the left, as it should be."""

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import LlamaConfig, LlamaForCausalLM

PAD = 0


def main():
    torch.manual_seed(8)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=60,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            pad_token_id=PAD,
            eos_token_id=1,
        )
    ).eval()
    prompts = [torch.randint(2, 60, (n,)) for n in (9, 4, 6)]
    ids = pad_sequence(prompts, batch_first=True, padding_value=PAD, padding_side="left")
    seen = torch.ones(ids.shape, dtype=torch.long)
    out = model.generate(ids, attention_mask=seen, max_new_tokens=5, do_sample=False)
    print(out[:, ids.shape[1] :].tolist())


if __name__ == "__main__":
    main()

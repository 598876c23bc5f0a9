"""Score the next token after multi-turn dialogues; every turn ends with the end-of-text token."""

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

PAD = EOS = 2


def flatten(turns):
    ids = []
    for turn in turns:
        ids += [*turn, EOS]
    return ids + [10]


class Collator:
    def __call__(self, dialogues):
        flat = [flatten(d) for d in dialogues]
        width = max(len(f) for f in flat)
        ids = torch.tensor([[PAD] * (width - len(f)) + f for f in flat])
        mask = torch.tensor([[0] * (width - len(f)) + [1] * len(f) for f in flat])
        return {"input_ids": ids, "attention_mask": mask}


def positions(mask):
    return (mask.cumsum(1) - 1).clamp(min=0)


@torch.no_grad()
def next_tokens(model, batch):
    out = model(**batch, position_ids=positions(batch["attention_mask"]), use_cache=False)
    probs = out.logits[:, -1].softmax(-1)
    return [(int(i), round(float(p), 4)) for p, i in zip(*probs.max(-1), strict=True)]


def main():
    torch.manual_seed(23)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=56,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=64,
            initializer_range=0.3,
            bos_token_id=1,
            eos_token_id=EOS,
            pad_token_id=PAD,
        )
    ).eval()
    dialogues = [
        [[11, 30, 31], [12, 44], [11, 8]],
        [[11, 19], [12, 50, 51, 52]],
        [[11, 27, 27, 14, 33], [12, 9], [11, 40], [12, 41, 42]],
    ]
    batch = Collator()(dialogues)
    for dialogue, guess in zip(dialogues, next_tokens(model, batch), strict=True):
        print(len(dialogue), "turns", guess)


if __name__ == "__main__":
    main()

"""Preference data for a vision-language model: several pictures per prompt, chosen and rejected answers."""
from dataclasses import dataclass, field

import torch
from torch.nn import functional as F
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

IMAGE, PAD = 59, 0


@dataclass
class DataArguments:
    cutoff_len: int = 64
    image_size: int = 24
    patch_size: int = 8
    beta: float = 0.1
    tokens: int = field(init=False)

    def __post_init__(self):
        self.tokens = (self.image_size // self.patch_size) ** 2


def infer_seqlen(source_len, target_len, cutoff_len):
    if source_len + target_len <= cutoff_len:
        return source_len, target_len
    keep_target = max(min(target_len, int(cutoff_len * target_len / (source_len + target_len))), 1)
    return cutoff_len - keep_target, keep_target


class PairwiseCollator:
    def __init__(self, args):
        self.args = args

    def encode(self, prompt, answer):
        source = [i for token in prompt for i in ([IMAGE] * self.args.tokens if token == "<image>" else [token])]
        source_len, target_len = infer_seqlen(len(source), len(answer), self.args.cutoff_len)
        source, answer = source[:source_len], answer[:target_len]
        return source + answer, [-100] * len(source) + answer

    def __call__(self, examples):
        rows = [self.encode(e["prompt"], e["chosen"]) for e in examples]
        rows += [self.encode(e["prompt"], e["rejected"]) for e in examples]
        width = max(len(ids) for ids, _ in rows)
        ids = torch.tensor([r + [PAD] * (width - len(r)) for r, _ in rows])
        labels = torch.tensor([l + [-100] * (width - len(l)) for _, l in rows])
        images = [image for _ in range(2) for e in examples for image in e["images"]]
        return {"input_ids": ids, "attention_mask": ids.ne(PAD).long(), "pixel_values": torch.stack(images)}, labels


def answer_log_probs(model, inputs, labels):
    log_probs = model(**inputs).logits[:, :-1].log_softmax(-1)
    target = labels[:, 1:]
    picked = log_probs.gather(2, target.clamp(min=0).unsqueeze(2)).squeeze(2)
    return (picked * target.ne(-100)).sum(1)


def main():
    args = DataArguments()
    torch.manual_seed(0)
    text = LlamaConfig(vocab_size=60, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4)
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        image_size=args.image_size, patch_size=args.patch_size,
    )
    model = LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=text, image_token_index=IMAGE))
    collator = PairwiseCollator(args)
    picture = lambda: torch.randn(3, args.image_size, args.image_size)
    pairs = [
        {"prompt": [5, "<image>", 6, 7], "images": [picture()], "chosen": [8, 9, 10], "rejected": [11]},
        {"prompt": [5, "<image>", 6, "<image>", 12, "<image>", 7], "images": [picture() for _ in range(3)],
         "chosen": [13, 14, 15, 16, 17, 18], "rejected": [19, 20, 21, 22]},
    ]
    for pair in pairs:
        chosen, rejected = answer_log_probs(model, *collator([pair])).chunk(2)
        print(f"images {len(pair['images'])} loss {-F.logsigmoid(args.beta * (chosen - rejected)).mean().item():.4f}")


if __name__ == "__main__":
    main()

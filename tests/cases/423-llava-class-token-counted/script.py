"""GRPO style scoring of completions for one picture with a small LLaVA policy."""
import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

SPECIALS = {"pad": 0, "bos": 1, "eos": 2, "image": 3}


class TextProcessor:
    """Turns words into ids and the picture marker into as many ids as the picture has features."""

    def __init__(self, image_size, patch_size, num_additional_image_tokens=1):
        self.image_size, self.patch_size = image_size, patch_size
        self.num_additional_image_tokens = num_additional_image_tokens
        self.words = {}

    def image_length(self):
        side = self.image_size // self.patch_size
        return side * side + self.num_additional_image_tokens

    def encode(self, text):
        ids = [SPECIALS["bos"]]
        for word in text.split():
            if word == "<image>":
                ids += [SPECIALS["image"]] * self.image_length()
            else:
                ids.append(self.words.setdefault(word, 4 + len(self.words)))
        return ids

    def batch(self, texts):
        rows = [self.encode(t) for t in texts]
        width = max(map(len, rows))
        ids = torch.tensor([[SPECIALS["pad"]] * (width - len(r)) + r for r in rows])
        return {"input_ids": ids, "attention_mask": (ids != SPECIALS["pad"]).long()}


def build_policy(image_size=24, patch_size=6):
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        image_size=image_size, patch_size=patch_size,
    )
    text = LlamaConfig(
        vocab_size=60, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )
    config = LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=SPECIALS["image"],
        vision_feature_select_strategy="default", vision_feature_layer=-1,
    )
    return LlavaForConditionalGeneration(config).eval()


def per_token_logps(model, batch, pixel_values):
    logits = model(**batch, pixel_values=pixel_values).logits[:, :-1]
    logps = logits.log_softmax(-1)
    return logps.gather(2, batch["input_ids"][:, 1:, None]).squeeze(2)


def main():
    policy = build_policy()
    processor = TextProcessor(image_size=24, patch_size=6)
    prompt = "<image> what is on the table"
    completions = ["a red cup", "nothing", "two old books"]
    batch = processor.batch([f"{prompt} {c}" for c in completions])
    print("batch", tuple(batch["input_ids"].shape))
    with torch.no_grad():
        logps = per_token_logps(policy, batch, torch.randn(len(completions), 3, 24, 24))
    rewards = (logps * batch["attention_mask"][:, 1:]).sum(1)
    print("advantages", [round(v, 3) for v in (rewards - rewards.mean()).tolist()])


if __name__ == "__main__":
    main()

"""Ask a small LLaVA a question about a picture after fine-tuning."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, PreTrainedTokenizerFast,
)

WORDS = "user : what is shown here ? assistant : a cat on the sofa".split()


def make_tokenizer():
    vocab = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "<image>": 4}
    for word in WORDS:
        vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


class Processor:
    def __init__(self, tokenizer, patch_size, strategy, extra_tokens=0):
        self.tokenizer = tokenizer
        self.patch_size = patch_size
        self.strategy = strategy
        self.extra_tokens = extra_tokens

    def image_tokens(self, image):
        height, width = image.shape[-2:]
        count = (height // self.patch_size) * (width // self.patch_size) + self.extra_tokens
        return count - 1 if self.strategy == "default" else count

    def __call__(self, text, image):
        text = text.replace("<image>", " ".join(["<image>"] * self.image_tokens(image)))
        enc = self.tokenizer(text, return_tensors="pt", return_token_type_ids=False)
        return {**enc, "pixel_values": image.unsqueeze(0)}


def make_model(vocab_size):
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8
    )
    text = LlamaConfig(
        vocab_size=vocab_size, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )
    return LlavaForConditionalGeneration(LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=4, vision_feature_select_strategy="default",
    )).eval()


def main():
    tokenizer = make_tokenizer()
    model = make_model(len(tokenizer))
    processor = Processor(tokenizer, patch_size=8, strategy="default")
    inputs = processor("user : <image> what is shown here ? assistant :", torch.rand(3, 32, 32))
    print("prompt tokens", inputs["input_ids"].size(1))
    out = model.generate(**inputs, max_new_tokens=4, do_sample=False)
    print("answer:", tokenizer.decode(out[0, inputs["input_ids"].size(1):]))


if __name__ == "__main__":
    main()

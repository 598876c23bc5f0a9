"""Score short captions of document pages with a tiny LLaVA."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, PreTrainedTokenizerFast, SiglipVisionConfig,
)

IMAGE_TOKEN = "<image>"
CAPTIONS = ["a table of yearly totals", "a bar chart , two colours", "a signed letter"]


class PageProcessor:
    def __init__(self, image_size, patch_size):
        self.image_tokens = (image_size // patch_size) ** 2
        self.image_size = image_size
        self.tokenizer = self._tokenizer()
        self.image_token_id = self.tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)

    @staticmethod
    def _tokenizer():
        vocab = {t: i for i, t in enumerate(["<pad>", "<s>", "</s>", "<unk>", IMAGE_TOKEN, "page", ":"])}
        for caption in CAPTIONS:
            for word in caption.split():
                vocab.setdefault(word, len(vocab))
        core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
        core.pre_tokenizer = pre_tokenizers.Whitespace()
        return PreTrainedTokenizerFast(
            tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        )

    def __call__(self, page, caption):
        text = f"{IMAGE_TOKEN * self.image_tokens} page : {caption}"
        batch = self.tokenizer(text, return_tensors="pt", return_token_type_ids=False)
        pixels = torch.nn.functional.interpolate(page[None], size=(self.image_size, self.image_size))
        return {**batch, "pixel_values": pixels}


def tiny_llava(processor, patch_size):
    vision = SiglipVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        image_size=processor.image_size, patch_size=patch_size,
    )
    text = LlamaConfig(
        vocab_size=len(processor.tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
    )
    return LlavaForConditionalGeneration(LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=processor.image_token_id,
        vision_feature_select_strategy="full", image_seq_length=processor.image_tokens,
    )).eval()


def main():
    torch.manual_seed(0)
    processor = PageProcessor(image_size=24, patch_size=8)
    model = tiny_llava(processor, patch_size=8)
    page = torch.rand(3, 60, 44)
    for caption in CAPTIONS:
        inputs = processor(page, caption)
        with torch.no_grad():
            out = model(**inputs, labels=inputs["input_ids"])
        print(f"{caption!r}: loss {out.loss.item():.3f}")


if __name__ == "__main__":
    main()

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader
from transformers import (
    CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, PreTrainedTokenizerFast,
)

SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<image>"]
CARDS = [
    {"prompt": "<image> what is the total on this receipt", "size": 48},
    {"prompt": "<image> who signed the form", "size": 48},
    {"prompt": "<image> is the date before march", "size": 48},
]


def make_tokenizer():
    words = SPECIAL + sorted({w for card in CARDS for w in card["prompt"].split()} - set(SPECIAL))
    core = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        padding_side="left",
    )


def make_model(vocab_size, image_size=48, patch_size=16):
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
            image_size=image_size, patch_size=patch_size,
        ),
        text_config=LlamaConfig(
            vocab_size=vocab_size, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        ),
        image_token_index=SPECIAL.index("<image>"), vision_feature_select_strategy="full",
    )
    return LlavaForConditionalGeneration(config).eval()


class DocumentProcessor:
    def __init__(self, tokenizer, patch_size, feature_strategy="default", extra_image_tokens=1):
        self.tokenizer, self.patch_size = tokenizer, patch_size
        self.feature_strategy, self.extra_image_tokens = feature_strategy, extra_image_tokens

    def image_tokens(self, height, width):
        count = (height // self.patch_size) * (width // self.patch_size) + self.extra_image_tokens
        return count - 1 if self.feature_strategy == "default" else count

    def __call__(self, cards):
        images = [torch.randn(3, card["size"], card["size"]) for card in cards]
        texts = [
            card["prompt"].replace("<image>", " ".join(["<image>"] * self.image_tokens(*image.shape[1:])))
            for card, image in zip(cards, images)
        ]
        batch = self.tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
        return {**batch, "pixel_values": torch.stack(images)}


if __name__ == "__main__":
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    model = make_model(len(tokenizer))
    processor = DocumentProcessor(
        tokenizer, model.config.vision_config.patch_size, model.config.vision_feature_select_strategy,
    )
    for batch in DataLoader(CARDS, batch_size=2, collate_fn=processor):
        answer = model.generate(**batch, max_new_tokens=4, do_sample=False)
        print(tokenizer.batch_decode(answer[:, batch["input_ids"].size(1):]))

"""Answer several questions about pictures at once with a small LLaVA model."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, PreTrainedTokenizerFast,
)

IMAGE = "<image>"
QUESTIONS = [
    "what is the man in the red jacket holding in his left hand",
    "how many dogs",
    "is the street wet or dry",
]
OVERWRITE = {"tokenizer_padding_side": "left", "patches": (16 // 8) ** 2}


def load_tokenizer(texts, padding_side):
    vocab = {"<pad>": 0, "<s>": 1, "</s>": 2, IMAGE: 3, "USER:": 4, "ASSISTANT:": 5}
    for text in texts:
        for word in text.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<pad>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="<pad>", padding_side=padding_side
    )


def load_model(vocab_size):
    torch.manual_seed(4)
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=16, patch_size=8
    )
    text = LlamaConfig(
        vocab_size=vocab_size, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.3, pad_token_id=0, bos_token_id=1,
        eos_token_id=2,
    )
    return LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=text, image_token_index=3)).eval()


class BatchInferencer:
    def __init__(self, options):
        self.patches = options["patches"]
        self.tokenizer = load_tokenizer(QUESTIONS, options["tokenizer_padding_side"])
        self.model = load_model(len(self.tokenizer))

    def prompt(self, question):
        return f"USER: {' '.join([IMAGE] * self.patches)} {question} ASSISTANT:"

    @torch.no_grad()
    def __call__(self, pixel_values, questions, max_new_tokens=5):
        batch = self.tokenizer([self.prompt(q) for q in questions], padding=True, return_tensors="pt",
                               return_token_type_ids=False)
        output = self.model.generate(**batch, pixel_values=pixel_values, do_sample=False,
                                     max_new_tokens=max_new_tokens, min_new_tokens=max_new_tokens)
        return self.tokenizer.batch_decode(output[:, batch["input_ids"].shape[1]:])


if __name__ == "__main__":
    inferencer = BatchInferencer(OVERWRITE)
    images = torch.rand(len(QUESTIONS), 3, 16, 16, generator=torch.Generator().manual_seed(1))
    for question, answer in zip(QUESTIONS, inferencer(images, QUESTIONS)):
        print(f"Q: {question}\nA: {answer}")

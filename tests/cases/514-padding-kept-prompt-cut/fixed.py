"""Precompute text embeddings of image captions with a CLIP text encoder."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

CAPTIONS = [
    "a brown dog runs along the beach",
    "two children build a tower of blocks in the garden",
    "an old red car parked in front of a shop",
    "fresh bread on a wooden table",
]
CONTEXT = 16


def make_tokenizer(texts):
    vocab = {"<|startoftext|>": 0, "<|endoftext|>": 1}
    for word in " ".join(texts).split():
        vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<|endoftext|>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.post_processor = processors.TemplateProcessing(
        single="<|startoftext|> $A <|endoftext|>", special_tokens=[("<|startoftext|>", 0), ("<|endoftext|>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<|startoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>",
        pad_token="<|endoftext|>", model_max_length=CONTEXT,
    )


class PromptEncoder:
    def __init__(self, texts, truncate_side="left"):
        self.tokenizer = make_tokenizer(texts)
        self.truncate_side = truncate_side
        torch.manual_seed(0)
        self.text_encoder = CLIPTextModel(CLIPTextConfig(
            vocab_size=len(self.tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=4, max_position_embeddings=CONTEXT, initializer_range=0.3, projection_dim=48,
            bos_token_id=0, eos_token_id=1, pad_token_id=1,
        )).eval()

    @torch.no_grad()
    def encode(self, captions, max_caption_length=48):
        ids = self.tokenizer(
            captions, padding="max_length", max_length=max_caption_length, return_tensors="pt"
        ).input_ids
        limit = self.tokenizer.model_max_length
        if ids.shape[-1] > limit:
            ids = ids[:, -limit:] if self.truncate_side == "left" else ids[:, :limit]
        return self.text_encoder(ids).pooler_output


def main():
    encoder = PromptEncoder(CAPTIONS, truncate_side="right")
    vectors = encoder.encode(CAPTIONS)
    print("embeddings", tuple(vectors.shape))
    flat = torch.nn.functional.normalize(vectors, dim=-1)
    for row, caption in zip(flat @ flat.T, CAPTIONS):
        print(" ".join(f"{v:5.2f}" for v in row.tolist()), caption)


if __name__ == "__main__":
    main()

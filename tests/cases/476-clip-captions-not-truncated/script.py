"""Index captions with CLIP and look up the nearest ones for a picture."""
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig, PreTrainedTokenizerFast

CAPTIONS = [
    "two cats on a sofa",
    "a bridge over a river in the fog",
    "a red tram in front of the station",
    "product photo : " + "a wooden chair with a woven seat and curved back , oiled oak , seen from the left , " * 2,
    "children playing football on a beach",
]


def build_tokenizer(texts):
    vocab = {"<|startoftext|>": 0, "<|endoftext|>": 1}
    for text in texts:
        for word in text.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<|endoftext|>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<|startoftext|>", eos_token="<|endoftext|>",
                                   pad_token="<|endoftext|>")


def build_model(vocab_size):
    torch.manual_seed(17)
    text = CLIPTextConfig(vocab_size=vocab_size, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                          num_attention_heads=4, max_position_embeddings=32, bos_token_id=0, eos_token_id=1,
                          pad_token_id=1)
    vision = CLIPVisionConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                              image_size=32, patch_size=8)
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).eval()


class CLIPEncoder:
    def __init__(self, model, tokenizer):
        self.model, self.tokenizer = model, tokenizer

    def tokenize(self, texts):
        return self.tokenizer([f"<|startoftext|> {t} <|endoftext|>" for t in texts], padding=True, truncation=True,
                              return_tensors="pt", return_token_type_ids=False)

    @torch.no_grad()
    def encode_text(self, texts, batch_size=2):
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors = [None] * len(texts)
        for start in range(0, len(order), batch_size):
            part = order[start:start + batch_size]
            pooled = self.model.text_model(**self.tokenize([texts[i] for i in part])).pooler_output
            for i, vector in zip(part, F.normalize(self.model.text_projection(pooled), dim=-1)):
                vectors[i] = vector
            print("encoded", part)
        return torch.stack(vectors)

    @torch.no_grad()
    def encode_image(self, pixels):
        pooled = self.model.vision_model(pixel_values=pixels).pooler_output
        return F.normalize(self.model.visual_projection(pooled), dim=-1)


if __name__ == "__main__":
    tokenizer = build_tokenizer(CAPTIONS)
    encoder = CLIPEncoder(build_model(len(tokenizer)), tokenizer)
    index = encoder.encode_text(CAPTIONS)
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    best = (encoder.encode_image(picture) @ index.T)[0].topk(2).indices.tolist()
    print("nearest", best)

"""Caption images: a patch encoder and a BERT decoder that attends to the patches."""
import torch
from torch import nn
from transformers import BertConfig, BertLMHeadModel

BOS, SEP, PAD = 1, 2, 0


class PatchEncoder(nn.Module):
    def __init__(self, patch=8, width=32, side=32):
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, stride=patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.pos = nn.Parameter(0.02 * torch.randn(1, (side // patch) ** 2 + 1, width))
        self.block = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True, norm_first=True)

    def forward(self, images):
        patches = self.proj(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(images), -1, -1), patches], dim=1)
        return self.block(x + self.pos)


class Captioner(nn.Module):
    def __init__(self, prompt=(BOS, 11, 12, 13)):
        super().__init__()
        self.visual_encoder = PatchEncoder()
        config = BertConfig(
            vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
            max_position_embeddings=48, is_decoder=True, add_cross_attention=True, initializer_range=0.3,
            bos_token_id=BOS, eos_token_id=SEP, pad_token_id=PAD,
        )
        self.text_decoder = BertLMHeadModel(config)
        self.prompt = list(prompt)

    @torch.no_grad()
    def generate(self, image, sample=False, num_beams=3, max_length=16, min_length=5, top_p=0.9):
        image_embeds = self.visual_encoder(image)
        image_atts = torch.ones(image_embeds.size()[:-1], dtype=torch.long)
        model_kwargs = {"encoder_hidden_states": image_embeds, "encoder_attention_mask": image_atts, "use_cache": False}
        input_ids = torch.tensor([self.prompt] * len(image))
        if sample:
            outputs = self.text_decoder.generate(
                input_ids=input_ids, max_length=max_length, min_length=min_length, do_sample=True, top_p=top_p,
                num_return_sequences=1, eos_token_id=SEP, pad_token_id=PAD, **model_kwargs,
            )
        else:
            outputs = self.text_decoder.generate(
                input_ids=input_ids, max_length=max_length, min_length=min_length, num_beams=num_beams,
                eos_token_id=SEP, pad_token_id=PAD, **model_kwargs,
            )
        return [row[len(self.prompt):].tolist() for row in outputs]


def main():
    torch.manual_seed(0)
    model = Captioner().eval()
    image = torch.rand(1, 3, 32, 32)
    print("nucleus:", len(model.generate(image, sample=True)), "caption")
    print("beam:", len(model.generate(image, sample=False, num_beams=3)), "caption")


if __name__ == "__main__":
    main()

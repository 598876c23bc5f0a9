"""Image captioning: a ViT encoder and a GPT-2 decoder with cross-attention, trained together."""
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, ViTConfig, ViTModel

ENCODERS = {
    "vit-base": dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4),
    "vit-large": dict(hidden_size=48, intermediate_size=96, num_hidden_layers=3, num_attention_heads=6),
}
DECODERS = {
    "gpt2": dict(n_embd=32, n_layer=2, n_head=4),
    "gpt2-medium": dict(n_embd=48, n_layer=3, n_head=6),
}
RUNS = [("vit-base", "gpt2"), ("vit-large", "gpt2")]
PAD, BOS, EOS = 0, 1, 2


class Captioner(nn.Module):
    def __init__(self, encoder, decoder, vocab_size=50):
        super().__init__()
        self.encoder = ViTModel(ViTConfig(image_size=16, patch_size=4, **ENCODERS[encoder]), add_pooling_layer=False)
        self.decoder = GPT2LMHeadModel(GPT2Config(
            vocab_size=vocab_size, n_positions=32, add_cross_attention=True, bos_token_id=BOS, eos_token_id=EOS,
            pad_token_id=PAD, **DECODERS[decoder],
        ))
        self.norm = nn.LayerNorm(self.encoder.config.hidden_size)

    def encode(self, pixel_values):
        return self.norm(self.encoder(pixel_values=pixel_values).last_hidden_state)

    def forward(self, pixel_values, input_ids, attention_mask):
        states = self.encode(pixel_values)
        labels = input_ids.masked_fill(attention_mask == 0, -100)
        return self.decoder(
            input_ids=input_ids, attention_mask=attention_mask, encoder_hidden_states=states, labels=labels
        )


def batches(count, size, seed):
    gen = torch.Generator().manual_seed(seed)
    for _ in range(count):
        lengths = torch.randint(4, 9, (size,), generator=gen)
        ids = torch.randint(3, 50, (size, 9), generator=gen)
        ids[:, 0] = BOS
        mask = (torch.arange(9)[None] <= lengths[:, None]).long()
        ids = ids.masked_fill(mask == 0, PAD)
        yield torch.rand(size, 3, 16, 16, generator=gen), ids, mask


def fit(encoder, decoder):
    torch.manual_seed(0)
    model = Captioner(encoder, decoder)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for pixels, ids, mask in batches(count=3, size=2, seed=5):
        loss = model(pixels, ids, mask).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


if __name__ == "__main__":
    for encoder, decoder in RUNS:
        print(f"{encoder} + {decoder}:", " ".join(f"{x:.3f}" for x in fit(encoder, decoder)))

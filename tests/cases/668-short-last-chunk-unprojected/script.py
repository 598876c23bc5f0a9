"""Live transcription: audio arrives in chunks, is encoded, downsampled and handed to a decoder as a prefix."""
import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

N_MELS = 20


class AudioEncoder(nn.Module):
    def __init__(self, dim=32, factor=4, decoder_dim=48):
        super().__init__()
        self.factor = factor
        self.conv = nn.Conv1d(N_MELS, dim, 3, padding=1)
        self.layer = nn.TransformerEncoderLayer(dim, 4, 64, batch_first=True, dropout=0.0)
        self.adapter = nn.Sequential(nn.Linear(dim * factor, decoder_dim), nn.GELU(), nn.Linear(decoder_dim, decoder_dim))

    def encode(self, mel):
        hidden = torch.nn.functional.gelu(self.conv(mel.unsqueeze(0)))
        return self.layer(hidden.transpose(1, 2)).squeeze(0)

    def downsample_and_project(self, encoded):
        steps = encoded.size(0) // self.factor
        if steps == 0:
            return encoded[:0]
        stacked = encoded[:steps * self.factor].reshape(steps, -1)
        return self.adapter(stacked)


class Transcriber:
    def __init__(self, encoder, decoder, chunk=16):
        self.encoder, self.decoder, self.chunk = encoder, decoder, chunk

    def prefix(self, mel):
        parts = []
        for piece in mel.split(self.chunk, dim=1):
            encoded = self.encoder.encode(piece)
            parts.append(self.encoder.downsample_and_project(encoded))
        return torch.cat(parts, dim=0)

    @torch.no_grad()
    def __call__(self, mel, max_tokens=4):
        embeds = self.prefix(mel).unsqueeze(0)
        cache, tokens = None, []
        for _ in range(max_tokens):
            out = self.decoder(inputs_embeds=embeds, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            token = out.logits[:, -1].argmax(-1)
            tokens.append(token.item())
            embeds = self.decoder.get_input_embeddings()(token).unsqueeze(1)
        return tokens


def recordings(lengths):
    gen = torch.Generator().manual_seed(7)
    for length in lengths:
        yield length, torch.randn(N_MELS, length, generator=gen)


def main():
    torch.manual_seed(0)
    decoder = LlamaForCausalLM(LlamaConfig(
        vocab_size=70, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128,
    )).eval()
    transcribe = Transcriber(AudioEncoder().eval(), decoder)
    for length, mel in recordings([64, 44, 51]):
        print(length, "frames ->", transcribe(mel))


if __name__ == "__main__":
    main()

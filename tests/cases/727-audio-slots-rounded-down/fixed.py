"""Transcribe clips with a small speech encoder whose windows are projected into the text model's embeddings."""
import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

AUDIO = 3
PROMPT = [1, 14, 22, 9]
HOP = 160


class SpeechProcessor:
    def __init__(self, window=15, downsample=5, n_mels=8):
        self.window, self.downsample, self.n_mels = window, downsample, n_mels
        self.filters = torch.randn(HOP, n_mels) / HOP ** 0.5

    def features(self, wave):
        frames = wave[: len(wave) // HOP * HOP].view(-1, HOP)
        return (frames @ self.filters).abs().clamp(min=1e-5).log()

    def num_slots(self, frames):
        return -(-frames // self.window) * (self.window // self.downsample)

    def __call__(self, wave):
        mel = self.features(wave)
        ids = PROMPT[:1] + [AUDIO] * self.num_slots(mel.size(0)) + PROMPT[1:]
        return {"input_ids": torch.tensor([ids]), "input_features": mel.unsqueeze(0)}


class WindowProjector(nn.Module):
    """Every window of frames is summed up by window // downsample learned queries."""

    def __init__(self, width, text_width, window=15, downsample=5):
        super().__init__()
        self.window = window
        self.queries = nn.Parameter(torch.randn(window // downsample, width))
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.out = nn.Linear(width, text_width)

    def forward(self, hidden):
        rows, frames, width = hidden.shape
        blocks = -(-frames // self.window)
        hidden = nn.functional.pad(hidden, (0, 0, 0, blocks * self.window - frames))
        windows = hidden.reshape(rows * blocks, self.window, width)
        queries = self.queries.expand(rows * blocks, -1, -1)
        summary, _ = self.attention(queries, windows, windows, need_weights=False)
        return self.out(summary.reshape(rows, -1, width))


class SpeechLM(nn.Module):
    def __init__(self, n_mels=8, width=24, text_width=32):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(n_mels, width), nn.GELU(), nn.Linear(width, width))
        self.projector = WindowProjector(width, text_width)
        self.text = LlamaForCausalLM(LlamaConfig(
            vocab_size=40, hidden_size=text_width, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0,
        ))

    def forward(self, input_ids, input_features):
        audio = self.projector(self.encoder(input_features))
        embeds = self.text.get_input_embeddings()(input_ids)
        embeds[input_ids == AUDIO] = audio.flatten(0, 1)
        return self.text(inputs_embeds=embeds).logits


@torch.no_grad()
def main():
    torch.manual_seed(0)
    processor, model = SpeechProcessor(), SpeechLM().eval()
    for name, seconds in [("hello.wav", 0.6), ("meeting.wav", 1.45)]:
        batch = processor(torch.randn(int(seconds * 16000)))
        logits = model(**batch)
        print(name, "prompt of", batch["input_ids"].size(1), "next token", logits[0, -1].argmax().item())


if __name__ == "__main__":
    main()

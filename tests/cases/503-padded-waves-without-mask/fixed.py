"""Transcribe recordings of different length in one batch with a wav2vec 2.0 CTC model."""
import torch
from torch import nn
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

LETTERS = "_|etaoinshrdlu"


def pretrained(seed=0):
    torch.manual_seed(seed)
    return Wav2Vec2ForCTC(Wav2Vec2Config(
        vocab_size=len(LETTERS), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        conv_dim=(16, 16, 16), conv_kernel=(10, 5, 3), conv_stride=(5, 4, 2), feat_extract_norm="layer", conv_bias=True,
        do_stable_layer_norm=True, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4, initializer_range=0.6,
        pad_token_id=0, bos_token_id=None, eos_token_id=None,
    )).eval()


def normalise(wave):
    return (wave - wave.mean()) / (wave.std() + 1e-5)


def pad_batch(waves):
    length = max(wave.numel() for wave in waves)
    padded = torch.stack([nn.functional.pad(wave, (0, length - wave.numel())) for wave in waves])
    return padded, torch.tensor([wave.numel() / length for wave in waves])


class EncoderASR(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def encode_batch(self, wavs, wav_lens):
        mask = torch.arange(wavs.size(1)) < (wav_lens * wavs.size(1)).round().unsqueeze(1)
        return self.model(wavs, attention_mask=mask.long()).logits.log_softmax(-1)

    def decode(self, frames):
        collapsed = frames.unique_consecutive().tolist()
        return "".join(LETTERS[i] for i in collapsed if i != 0)

    @torch.no_grad()
    def transcribe_batch(self, wavs, wav_lens):
        best = self.encode_batch(wavs, wav_lens).argmax(-1)
        lengths = (wav_lens * best.size(1)).round().int().tolist()
        return [self.decode(row[:length]) for row, length in zip(best, lengths)]


def recordings(lengths, seed=5):
    gen = torch.Generator().manual_seed(seed)
    for n in lengths:
        pitch = 0.02 + 0.1 * torch.rand(4, generator=gen)
        time = torch.arange(n)
        yield torch.stack([(time * p).sin() for p in pitch]).sum(0) + 0.3 * torch.randn(n, generator=gen)


if __name__ == "__main__":
    asr = EncoderASR(pretrained())
    waves = [normalise(wave) for wave in recordings((1600, 2800, 950))]
    for number, text in enumerate(asr.transcribe_batch(*pad_batch(waves))):
        print(f"recording {number}: {text}")

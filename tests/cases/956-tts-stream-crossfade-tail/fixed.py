import torch
import torch.nn as nn

HOP, OVERLAP = 16, 32


class TokenModel(nn.Module):
    def __init__(self, vocab=40, dim=24):
        super().__init__()
        self.embed, self.cell = nn.Embedding(vocab, dim), nn.GRUCell(dim, dim)
        self.head = nn.Linear(dim, vocab)

    def stream(self, text, n_tokens):
        state = self.embed(text).mean(0, keepdim=True)
        token = text[-1:]
        for _ in range(n_tokens):
            state = self.cell(self.embed(token), state)
            token = self.head(state).argmax(-1)
            yield state


class Vocoder(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.up = nn.ConvTranspose1d(dim, 8, HOP, stride=HOP)
        self.out = nn.Conv1d(8, 1, 5, padding=2)

    def forward(self, latents):
        return torch.tanh(self.out(torch.relu(self.up(latents.transpose(1, 2))))).flatten()


class StreamingTTS(nn.Module):
    def __init__(self):
        super().__init__()
        self.gpt, self.decoder = TokenModel(), Vocoder()

    def handle_chunks(self, wav_gen, wav_gen_prev, wav_overlap, overlap_len):
        wav_chunk = wav_gen[:-overlap_len].clone()
        if wav_gen_prev is not None:
            wav_chunk = wav_gen[wav_gen_prev.shape[0] - overlap_len : -overlap_len].clone()
        if overlap_len > wav_chunk.shape[0] and wav_gen_prev is not None:
            wav_chunk = wav_gen[wav_gen_prev.shape[0] - overlap_len :].clone()
        if wav_overlap is not None:
            crossfade = wav_chunk[:overlap_len]
            crossfade = crossfade * torch.linspace(0.0, 1.0, overlap_len)
            wav_chunk[:overlap_len] = wav_overlap * torch.linspace(1.0, 0.0, overlap_len)
            wav_chunk[:overlap_len] += crossfade
        return wav_chunk, wav_gen, wav_gen[-overlap_len:]

    @torch.no_grad()
    def inference_stream(self, text, n_tokens, chunk_size=5, overlap_len=OVERLAP):
        latents, pending, prev, overlap = [], 0, None, None
        for i, latent in enumerate(self.gpt.stream(text, n_tokens)):
            latents.append(latent)
            pending += 1
            if pending == chunk_size or i == n_tokens - 1:
                wav = self.decoder(torch.stack(latents, dim=1))
                chunk, prev, overlap = self.handle_chunks(wav, prev, overlap, overlap_len)
                pending = 0
                yield chunk


if __name__ == "__main__":
    torch.manual_seed(0)
    tts = StreamingTTS().eval()
    for sentence, n_tokens in (("good morning", 14), ("see you tomorrow", 16)):
        text = torch.tensor([ord(c) % 40 for c in sentence])
        pieces = [chunk for chunk in tts.inference_stream(text, n_tokens)]
        print(sentence, [p.numel() for p in pieces], "samples", sum(p.numel() for p in pieces))

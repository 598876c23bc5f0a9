import torch
import torch.nn as nn


class SpeakerEncoder(nn.Module):
    """One unit vector for each utterance."""

    def __init__(self, mels=8, dim=12):
        super().__init__()
        self.rnn = nn.GRU(mels, dim, batch_first=True)

    @torch.no_grad()
    def embed(self, mel):
        _, last = self.rnn(mel.unsqueeze(0))
        return nn.functional.normalize(last[-1, 0], dim=-1)


class CodeDecoder(nn.Module):
    def __init__(self, codes, dim, heads=4):
        super().__init__()
        self.codes = nn.Embedding(codes, dim)
        self.layer = nn.TransformerEncoderLayer(dim, heads, 64, dropout=0.0, batch_first=True)
        self.head = nn.Linear(dim, codes)

    def forward(self, inp):
        n = inp.size(1)
        causal = torch.ones(n, n, dtype=torch.bool).triu(1)
        return self.head(self.layer(inp, src_mask=causal))


class QuantizedSpeech(nn.Module):
    def __init__(self, phones=40, codes=32, dim=32, speaker_dim=12):
        super().__init__()
        self.phones = nn.Embedding(phones, dim)
        self.spk_linear = nn.Linear(speaker_dim, dim)
        self.decoder = CodeDecoder(codes, dim)

    def prefix(self, phones, speaker):
        spkr = self.spk_linear(speaker).unsqueeze(1)
        inp = self.phones(phones)
        return torch.cat([spkr, inp], 1)

    @torch.no_grad()
    def infer(self, phones, speaker, steps):
        seq = self.prefix(phones, speaker)
        produced = []
        for _ in range(steps):
            code = self.decoder(seq)[:, -1].argmax(-1)
            produced.append(code)
            seq = torch.cat([seq, self.decoder.codes(code).unsqueeze(1)], 1)
        return torch.stack(produced, 1)


def load_request(lines, encoder):
    references, texts = [], []
    for line in lines:
        reference, text = line.split("|")
        g = torch.Generator().manual_seed(len(reference))
        references.append(encoder.embed(torch.randn(30, 8, generator=g)))
        texts.append(torch.tensor([ord(ch) % 40 for ch in text]))
    return nn.utils.rnn.pad_sequence(texts, batch_first=True), torch.stack(references)


def main():
    torch.manual_seed(0)
    encoder, model = SpeakerEncoder().eval(), QuantizedSpeech().eval()
    phones, speakers = load_request(["anna.wav|good evening", "robert.wav|see you soon"], encoder)
    print("utterances", len(phones), "longest", phones.size(1))
    codes = model.infer(phones, speakers, steps=6)
    for row in codes.tolist():
        print("codes", row)


main()

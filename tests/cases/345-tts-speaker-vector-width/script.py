import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence


class HParams:
    def __init__(self, **kw):
        self.__dict__.update(kw)


encoder_params = HParams(mel_n_channels=20, model_hidden_size=32, model_embedding_size=64)
hparams = HParams(
    num_mels=20, tts_embed_dims=48, tts_encoder_dims=32, tts_decoder_dims=24,
    speaker_embedding_size=16, tts_batch_size=4, tts_lr=1e-3,
)
symbols = "_~ abcdefghijklmnopqrstuvwxyz"


class SpeakerEncoder(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.lstm = nn.LSTM(p.mel_n_channels, p.model_hidden_size, batch_first=True)
        self.linear = nn.Linear(p.model_hidden_size, p.model_embedding_size)

    @torch.no_grad()
    def embed_utterance(self, mel):
        _, (h, _) = self.lstm(mel.unsqueeze(0))
        e = torch.relu(self.linear(h[-1]))
        return (e / (e.norm(dim=1, keepdim=True) + 1e-5)).squeeze(0)


class Encoder(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.embedding = nn.Embedding(len(symbols), hp.tts_embed_dims)
        self.cbhg = nn.GRU(hp.tts_embed_dims, hp.tts_encoder_dims // 2, batch_first=True, bidirectional=True)

    def forward(self, x, speaker_embedding):
        x, _ = self.cbhg(self.embedding(x))
        return self.add_speaker_embedding(x, speaker_embedding)

    def add_speaker_embedding(self, x, speaker_embedding):
        e = speaker_embedding.unsqueeze(1).expand(-1, x.size(1), -1)
        return torch.cat((x, e), 2)


class Tacotron(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.encoder = Encoder(hp)
        project_dims = hp.tts_encoder_dims + hp.speaker_embedding_size
        self.encoder_proj = nn.Linear(project_dims, hp.tts_decoder_dims, bias=False)
        self.decoder = nn.GRU(hp.num_mels + hp.tts_decoder_dims, hp.tts_decoder_dims, batch_first=True)
        self.mel_proj = nn.Linear(hp.tts_decoder_dims, hp.num_mels)

    def forward(self, text, mel, speaker_embedding):
        encoder_seq = self.encoder(text, speaker_embedding)
        encoder_seq_proj = self.encoder_proj(encoder_seq)
        context = encoder_seq_proj.mean(1, keepdim=True).expand(-1, mel.size(1), -1)
        shifted = torch.cat([torch.zeros_like(mel[:, :1]), mel[:, :-1]], 1)
        out, _ = self.decoder(torch.cat([shifted, context], -1))
        return self.mel_proj(out)


def synthesizer_preprocess(texts):
    speaker = SpeakerEncoder(encoder_params).eval()
    for text in texts:
        ids = torch.tensor([symbols.index(c) for c in text + "~"])
        mel = torch.randn(4 * len(text), hparams.num_mels)
        yield ids, mel, speaker.embed_utterance(mel)


if __name__ == "__main__":
    torch.manual_seed(0)
    lines = ["he was not there", "open the door", "the second day", "rain on glass", "call me back", "no more tea"]
    metadata = list(synthesizer_preprocess(lines))
    model = Tacotron(hparams)
    optimizer = torch.optim.Adam(model.parameters(), lr=hparams.tts_lr)
    for step in range(0, len(metadata), hparams.tts_batch_size):
        texts, mels, embeds = zip(*metadata[step:step + hparams.tts_batch_size])
        texts, mels = (pad_sequence(s, batch_first=True) for s in (texts, mels))
        loss = nn.functional.l1_loss(model(texts, mels, torch.stack(embeds)), mels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"Epoch: 1 | Loss: {loss.item():.4f} | utterances: {len(texts)}")

"""Transcribe a batch of utterances with an encoder-decoder transformer, greedily."""
import torch
import torch.nn as nn

BOS, EOS, VOCAB = 1, 2, 24


def length_to_mask(lens, size):
    return torch.arange(size)[None, :] >= lens[:, None]


class TransformerASR(nn.Module):
    def __init__(self, n_feats=10, d_model=32, nhead=4):
        super().__init__()
        self.frontend = nn.Linear(n_feats, d_model)
        self.embed = nn.Embedding(VOCAB, d_model)
        self.position = nn.Embedding(64, d_model)
        enc = nn.TransformerEncoderLayer(d_model, nhead, 64, dropout=0.0, batch_first=True)
        dec = nn.TransformerDecoderLayer(d_model, nhead, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(enc, 2, enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(dec, 2)
        self.out = nn.Linear(d_model, VOCAB)

    def embed_tokens(self, tgt):
        return self.embed(tgt) + self.position(torch.arange(tgt.shape[1]))

    def encode(self, feats, lens):
        src = self.frontend(feats) + self.position(torch.arange(feats.shape[1]))
        return self.encoder(src, src_key_padding_mask=length_to_mask(lens, feats.shape[1]))

    def forward(self, feats, lens, tgt):
        memory = self.encode(feats, lens)
        tgt_mask = nn.Transformer.generate_square_subsequent_mask(tgt.shape[1])
        hidden = self.decoder(self.embed_tokens(tgt), memory, tgt_mask=tgt_mask,
                              memory_key_padding_mask=length_to_mask(lens, memory.shape[1]))
        return self.out(hidden)

    def decode(self, tgt, memory, lens):
        tgt_mask = nn.Transformer.generate_square_subsequent_mask(tgt.shape[1])
        hidden = self.decoder(self.embed_tokens(tgt), memory, tgt_mask=tgt_mask, memory_key_padding_mask=length_to_mask(lens, memory.shape[1]))
        return self.out(hidden[:, -1])


class S2SGreedySearcher:
    def __init__(self, model, max_len=10):
        self.model, self.max_len = model.eval(), max_len

    @torch.no_grad()
    def __call__(self, feats, lens):
        memory = self.model.encode(feats, lens)
        tokens = torch.full((feats.shape[0], 1), BOS)
        for _ in range(self.max_len):
            logits = self.model.decode(tokens, memory, lens)
            tokens = torch.cat([tokens, logits.argmax(-1, keepdim=True)], dim=1)
        return tokens[:, 1:].tolist()


if __name__ == "__main__":
    torch.manual_seed(0)
    searcher = S2SGreedySearcher(TransformerASR())
    lens = torch.tensor([30, 9, 14])
    utterances = [torch.randn(int(n), 10) for n in lens]
    batch = nn.utils.rnn.pad_sequence(utterances, batch_first=True)
    together = searcher(batch, lens)
    for feats, n, hyp in zip(utterances, lens, together):
        alone = searcher(feats[None], n[None])[0]
        print(int(n), "frames batched", hyp, "single", alone)

"""Question generation encoder: word vectors together with answer tags and lexical features."""
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

PAD = 0


class FeatureEncoder(nn.Module):
    def __init__(self, vocab=50, word_dim=16, tag_count=4, feat_counts=(6, 5), feat_dim=4, hidden=12):
        super().__init__()
        self.word_lut = nn.Embedding(vocab, word_dim, padding_idx=PAD)
        self.bio_lut = nn.Embedding(tag_count, feat_dim, padding_idx=PAD)
        self.feat_luts = nn.ModuleList(nn.Embedding(n, feat_dim, padding_idx=PAD) for n in feat_counts)
        self.rnn = nn.GRU(word_dim + feat_dim * (1 + len(feat_counts)), hidden, bidirectional=True)

    def forward(self, words, lengths, bio, feats):
        parts = [self.word_lut(words), self.bio_lut(bio)]
        parts += [lut(feat) for lut, feat in zip(self.feat_luts, feats)]
        packed = pack_padded_sequence(torch.cat(parts, dim=-1), lengths)
        _, last = self.rnn(packed)
        return torch.cat([last[0], last[1]], dim=-1)


class SquadLike:
    def __init__(self, count, seed=0):
        gen = torch.Generator().manual_seed(seed)
        self.rows = []
        for _ in range(count):
            n = int(torch.randint(3, 10, (1,), generator=gen))
            self.rows.append({
                "words": torch.randint(1, 50, (n,), generator=gen),
                "bio": torch.randint(1, 4, (n,), generator=gen),
                "case": torch.randint(1, 6, (n,), generator=gen),
                "ner": torch.randint(1, 5, (n,), generator=gen),
            })

    def column(self, rows, name, **options):
        return pad_sequence([row[name] for row in rows], padding_value=PAD, **options)

    def batches(self, size):
        for start in range(0, len(self.rows), size):
            rows = sorted(self.rows[start:start + size], key=lambda r: -len(r["words"]))
            lengths = torch.tensor([len(r["words"]) for r in rows])
            words, bio = self.column(rows, "words"), self.column(rows, "bio")
            feats = [self.column(rows, name) for name in ("case", "ner")]
            yield words, lengths, bio, feats


@torch.no_grad()
def summarise(encoder, data, size=5):
    for step, batch in enumerate(data.batches(size)):
        state = encoder(*batch)
        print(f"batch {step} state {tuple(state.shape)} norm {state.norm().item():.3f}")


torch.manual_seed(1)
summarise(FeatureEncoder(), SquadLike(15))

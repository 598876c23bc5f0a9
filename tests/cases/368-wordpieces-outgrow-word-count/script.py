import torch
import torch.nn as nn
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

REVIEWS = [
    ("the plot was thin", -1.2), ("i loved every minute of it", 2.4), ("acting is fine but slow", 0.2),
    ("a waste of time", -2.6), ("unforgettable unwatchable mess", -2.0), ("worth it", 1.4),
    ("it was fine", 0.4), ("the acting was unforgettable", 2.2),
]
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##forget", "##table", "##watch", "##able"]
AUDIO, VISION = 5, 7


def build_tokenizer():
    vocab = {}
    words = [w for text, _ in REVIEWS for w in text.split() if not w.startswith("un")]
    for piece in PIECES + sorted({*words, "mess"}):
        vocab.setdefault(piece, len(vocab))
    backend = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.BertProcessing(("[SEP]", vocab["[SEP]"]), ("[CLS]", vocab["[CLS]"]))
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]",
                                   cls_token="[CLS]", sep_token="[SEP]")


def featurize():
    gen = torch.Generator().manual_seed(1)
    for text, score in REVIEWS:
        n = len(text.split())
        yield {"words": text.split(), "audio": torch.randn(n, AUDIO, generator=gen),
               "vision": torch.randn(n, VISION, generator=gen), "score": score}


def make_collate(tokenizer):
    def collate_fn(batch):
        lengths = torch.tensor([len(s["words"]) for s in batch])
        audio = pad_sequence([s["audio"] for s in batch], batch_first=True)
        vision = pad_sequence([s["vision"] for s in batch], batch_first=True)
        sent_len = int(lengths.max()) + 2
        details = [tokenizer(" ".join(s["words"]), max_length=sent_len, padding="max_length") for s in batch]
        ids = torch.LongTensor([d["input_ids"] for d in details])
        mask = torch.LongTensor([d["attention_mask"] for d in details])
        scores = torch.tensor([s["score"] for s in batch]).unsqueeze(1)
        return {"ids": ids, "mask": mask, "audio": audio, "vision": vision, "lengths": lengths}, scores

    return collate_fn


class Fusion(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.bert = BertModel(BertConfig(vocab_size=vocab, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                                         intermediate_size=32, max_position_embeddings=32))
        self.audio, self.vision = nn.GRU(AUDIO, 8, batch_first=True), nn.GRU(VISION, 8, batch_first=True)
        self.head = nn.Linear(32, 1)

    def forward(self, ids, mask, audio, vision, lengths):
        text = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]
        rows = torch.arange(len(lengths))
        seen = [rnn(x)[0][rows, lengths - 1] for rnn, x in ((self.audio, audio), (self.vision, vision))]
        return self.head(torch.cat([text, *seen], dim=-1))


if __name__ == "__main__":
    torch.manual_seed(0)
    tokenizer = build_tokenizer()
    loader = DataLoader(list(featurize()), batch_size=2, collate_fn=make_collate(tokenizer))
    model = Fusion(len(tokenizer))
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step, (inputs, scores) in enumerate(loader):
        loss = nn.functional.l1_loss(model(**inputs), scores)
        opt.zero_grad()
        loss.backward()
        opt.step()
        print(f"step {step} tokens {tuple(inputs['ids'].shape)} mae {loss.item():.4f}")

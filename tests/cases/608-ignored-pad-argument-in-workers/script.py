"""Cross-modal matching of sentences and image regions, trained from token-to-image pairs."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

CAPTIONS = [
    "the old clock tower", "a red bus stops at the corner of the street",
    "two dogs run across a wide field of grass", "a bowl of fruit stands on a wooden table",
    "children play with a kite near the sea", "people wait",
    "a man rides a horse along the beach", "a cat sleeps on the warm roof of a car",
]


def make_tokenizer(captions):
    vocab = {token: i for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])}
    for caption in captions:
        for word in caption.split():
            vocab.setdefault(word, len(vocab))
    backend = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


class ImgSentDataset(Dataset):
    def __init__(self, captions, tokenizer, max_len=20, feat_dim=16):
        self.captions = captions
        self.tokenizer = tokenizer
        self.max_len = max_len
        self.features = torch.randn(len(captions), feat_dim, generator=torch.Generator().manual_seed(3))

    def __len__(self):
        return len(self.captions)

    def __getitem__(self, index):
        encoded = self.tokenizer(
            self.captions[index], max_length=self.max_len, truncation=True, pad_to_max_length=True,
            return_tensors="pt", return_token_type_ids=False,
        )
        return {name: value.squeeze(0) for name, value in encoded.items()}, self.features[index]


class JointModel(nn.Module):
    def __init__(self, vocab_size, feat_dim=16, width=32):
        super().__init__()
        self.bert = BertModel(BertConfig(
            vocab_size=vocab_size, hidden_size=width, num_hidden_layers=1, num_attention_heads=4,
            intermediate_size=64, max_position_embeddings=32,
        ), add_pooling_layer=False)
        self.visual = nn.Linear(feat_dim, width)

    def forward(self, language, regions):
        tokens = self.bert(**language).last_hidden_state
        mask = language["attention_mask"].unsqueeze(-1)
        return (tokens * mask).sum(1) / mask.sum(1), self.visual(regions)


def hinge(text, image, margin=0.5):
    scores = nn.functional.normalize(text, dim=-1) @ nn.functional.normalize(image, dim=-1).t()
    gap = (margin + scores - scores.diag().unsqueeze(1)).clamp_min(0)
    return gap.masked_fill(torch.eye(len(gap), dtype=torch.bool), 0).mean()


def train(epochs=2, batch_size=4, workers=2):
    torch.manual_seed(0)
    tokenizer = make_tokenizer(CAPTIONS)
    model = JointModel(len(tokenizer))
    loader = DataLoader(ImgSentDataset(CAPTIONS, tokenizer), batch_size=batch_size, num_workers=workers)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    print("vocabulary", len(tokenizer), "captions", len(loader.dataset))
    for epoch in range(epochs):
        for language, regions in loader:
            loss = hinge(*model(language, regions))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.3f}")


if __name__ == "__main__":
    train()

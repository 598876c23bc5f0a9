"""Few-shot sentiment classification with a cloze template and a masked language model."""
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

TEMPLATE = "{sentence} it was [MASK] ."
VERBALIZER = {"negative": "terrible", "positive": "great"}
TRAIN = [
    ("a warm and funny film", "positive"),
    ("dull", "negative"),
    ("the plot goes nowhere and the jokes fall flat", "negative"),
    ("i would watch it twice", "positive"),
    ("a patient portrait of two sisters", "positive"),
    ("after a promising first hour the story loses all of its nerve and simply repeats every scene", "negative"),
    ("not one believable line", "negative"),
    ("the music alone is worth it", "positive"),
]


def build_tokenizer():
    vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}
    for text in [t for t, _ in TRAIN] + ["it was .", *VERBALIZER.values()]:
        for word in text.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]", model_max_length=16,
    )


class ClozeClassifier(torch.nn.Module):
    def __init__(self, tokenizer):
        super().__init__()
        self.tokenizer = tokenizer
        self.encoder = BertForMaskedLM(BertConfig(
            vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
            intermediate_size=64, max_position_embeddings=32,
        ))
        self.label_ids = tokenizer.convert_tokens_to_ids(list(VERBALIZER.values()))

    def prepare(self, sentences):
        prompts = [TEMPLATE.format(sentence=s) for s in sentences]
        return self.tokenizer(prompts, padding=True, truncation=True, return_tensors="pt")

    def forward(self, sentences):
        batch = self.prepare(sentences)
        logits = self.encoder(**batch).logits
        at_mask = logits[batch["input_ids"] == self.tokenizer.mask_token_id]
        return at_mask[:, self.label_ids]


def batches(rows, size):
    for start in range(0, len(rows), size):
        yield [*zip(*rows[start:start + size])]


def fit(classifier, rows, epochs=2):
    names = list(VERBALIZER)
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=5e-4)
    for epoch in range(epochs):
        total = 0.0
        for sentences, labels in batches(rows, 4):
            target = torch.tensor([names.index(label) for label in labels])
            loss = F.cross_entropy(classifier(sentences), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch} loss {total:.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    fit(ClozeClassifier(build_tokenizer()), TRAIN)

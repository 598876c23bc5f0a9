import random

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch.utils.data import DataLoader
from transformers import MBartConfig, MBartForConditionalGeneration, PreTrainedTokenizerFast

CORPUS = [
    "the ferry leaves at nine and returns before dark",
    "snow is expected on the northern pass tonight",
    "she sold the old mill to a young couple",
    "come in", "the bridge will stay closed until spring because of the flood",
    "he reads", "three boats were lost near the cape last winter", "nobody answered",
]


def make_tokenizer():
    vocab = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, "en_XX": 5}
    for word in sorted({w for line in CORPUS for w in line.split()}):
        vocab[word] = len(vocab)
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.post_processor = processors.TemplateProcessing(
        single="$A </s> en_XX", special_tokens=[("</s>", 2), ("en_XX", 5)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
        mask_token="<mask>",
    )


class NoiseCollator:
    def __init__(self, tokenizer, mask_probability=0.3, seed=0):
        self.tokenizer, self.p, self.rng = tokenizer, mask_probability, random.Random(seed)

    def mask_words(self, ids):
        first_special = len(ids) - 2
        return [i < first_special and self.rng.random() < self.p for i in range(len(ids))]

    def __call__(self, lines):
        rows = [self.tokenizer(line)["input_ids"] for line in lines]
        chosen = [self.mask_words(row) for row in rows]
        noised = [[self.tokenizer.mask_token_id if c else t for t, c in zip(*pair)] for pair in zip(rows, chosen)]
        labels = rows
        batch = self.tokenizer.pad({"input_ids": noised}, return_tensors="pt")
        width = batch["input_ids"].size(1)
        batch["labels"] = torch.tensor([row + [-100] * (width - len(row)) for row in labels])
        return batch


def make_model(vocab_size):
    return MBartForConditionalGeneration(MBartConfig(
        vocab_size=vocab_size, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=64,
    ))


if __name__ == "__main__":
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    model = make_model(len(tokenizer))
    optim = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step, batch in enumerate(DataLoader(CORPUS, batch_size=2, collate_fn=NoiseCollator(tokenizer))):
        loss = model(**batch).loss
        loss.backward()
        optim.step()
        optim.zero_grad()
        print("step", step, "loss", round(loss.item(), 3))

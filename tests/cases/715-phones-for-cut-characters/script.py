import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

MAX_CHARS = 32
ALPHABET = "abcdefghijklmnopqrstuvwxyz ,."


def build_tokenizer():
    vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}
    for char in ALPHABET:
        vocab[char] = len(vocab)
    core = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Split("", behavior="isolated")
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def clean_text(line):
    norm = "".join(c for c in line.lower() if c in ALPHABET)
    word2ph = [1 if c in " ,." else 2 for c in norm]
    return norm, word2ph


class TextPreprocessor:
    def __init__(self):
        self.tokenizer = build_tokenizer()
        torch.manual_seed(0)
        self.bert = BertModel(BertConfig(
            vocab_size=len(self.tokenizer), hidden_size=24, intermediate_size=48, num_hidden_layers=3,
            num_attention_heads=4, max_position_embeddings=MAX_CHARS,
        ), add_pooling_layer=False).eval()

    @torch.no_grad()
    def bert_feature(self, text, word2ph):
        if len(text) > MAX_CHARS:
            text, word2ph = text[:MAX_CHARS], word2ph[:MAX_CHARS]
        inputs = self.tokenizer(text, truncation=True, max_length=MAX_CHARS, return_tensors="pt")
        states = self.bert(**inputs, output_hidden_states=True).hidden_states
        feature = states[-2][0, 1:-1]
        assert len(word2ph) == len(text)
        phone_level = [feature[i].repeat(word2ph[i], 1) for i in range(len(word2ph))]
        return torch.cat(phone_level).T

    def process(self, lines):
        for name, line in lines:
            norm, word2ph = clean_text(line)
            yield name, self.bert_feature(norm, word2ph)


if __name__ == "__main__":
    transcript = [
        ("a001.wav", "Good morning, everyone."),
        ("a002.wav", "The train to the coast leaves at nine."),
    ]
    for name, feature in TextPreprocessor().process(transcript):
        print(name, "features", tuple(feature.shape))

"""Next-utterance language model over a persona and a dialogue history, on a BERT decoder."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertLMHeadModel, PreTrainedTokenizerFast

PERSONA = ["i like to ski", "i have two cats"]
DIALOG = ["hello , how are you ?", "fine , i was out with my cats", "what do you like ?"]
SPECIAL = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>"}
SPEAKERS = ["<speaker1>", "<speaker2>"]


def make_tokenizer():
    vocab = {token: i for i, token in enumerate(SPECIAL.values())}
    for sentence in PERSONA + DIALOG:
        for word in sentence.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, **SPECIAL)
    tokenizer.add_special_tokens({"additional_special_tokens": SPEAKERS})
    return tokenizer


class DialogEncoder:
    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.bos, self.eos = tokenizer.bos_token_id, tokenizer.eos_token_id
        self.speakers = tokenizer.convert_tokens_to_ids(SPEAKERS)

    def words(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False)

    def __call__(self, persona, history):
        first, second = self.speakers
        segments = [(first, [self.bos] + [i for line in persona for i in self.words(line)])]
        for n, line in enumerate(history):
            speaker = second if n % 2 else first
            segments.append((speaker, [speaker] + self.words(line)))
        ids = [i for _, part in segments for i in part] + [self.eos]
        types = [s for s, part in segments for _ in part] + [segments[-1][0]]
        return {"input_ids": torch.tensor([ids]), "token_type_ids": torch.tensor([types])}


def build_model(tokenizer):
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=128, is_decoder=True, pad_token_id=tokenizer.pad_token_id,
    )
    return BertLMHeadModel(config).eval()


@torch.no_grad()
def surprise(model, encoder, persona, history):
    batch = encoder(persona, history)
    loss = model(**batch, labels=batch["input_ids"]).loss
    return loss.item(), batch["input_ids"].size(1)


if __name__ == "__main__":
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    encoder = DialogEncoder(tokenizer)
    model = build_model(tokenizer)
    for turns in range(1, len(DIALOG) + 1):
        value, length = surprise(model, encoder, PERSONA, DIALOG[:turns])
        print(f"{turns} turn(s): {length} tokens, loss {value:.3f}")

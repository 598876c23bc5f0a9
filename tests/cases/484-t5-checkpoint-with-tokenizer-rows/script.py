"""Train a graph verifier, save it, and load it again for iterative correction."""
import io

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

BASE = dict(vocab_size=72, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=4, decoder_start_token_id=0)
SPECIAL = ["<S>", "<P>", "<O>"]
PAIRS = [
    ("<S> turing <P> born in", "<O> london"),
    ("<S> lovelace <P> worked with <O> babbage <S> lovelace", "<P> wrote <O> notes"),
]


def get_tokenizer():
    vocab = {"<pad>": 0, "</s>": 1, "<unk>": 2}
    for text in PAIRS:
        for word in " ".join(text).split():
            if word not in SPECIAL:
                vocab.setdefault(word, len(vocab))
    while len(vocab) < 64:
        vocab[f"<extra_id_{len(vocab)}>"] = len(vocab)
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIAL})
    return tokenizer


class VerifierModule:
    def __init__(self, tokenizer):
        torch.manual_seed(0)
        self.tokenizer = tokenizer
        self.model = T5ForConditionalGeneration(T5Config(**BASE))
        self.model.resize_token_embeddings(len(tokenizer))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)

    def step(self, sources, targets):
        batch = self.tokenizer(sources, padding=True, return_tensors="pt", return_token_type_ids=False)
        labels = self.tokenizer(targets, padding=True, return_tensors="pt").input_ids
        loss = self.model(**batch, labels=labels.masked_fill(labels.eq(0), -100)).loss
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()

    def save(self, handle):
        torch.save({"state_dict": self.model.state_dict(), "special": SPECIAL}, handle)


def load_verifier(handle, tokenizer):
    checkpoint = torch.load(handle)
    model = T5ForConditionalGeneration(T5Config(**BASE))
    model.load_state_dict(checkpoint["state_dict"])
    return model.eval()


def correct(model, tokenizer, graph, rounds=2):
    for _ in range(rounds):
        inputs = tokenizer(graph, return_tensors="pt", return_token_type_ids=False)
        out = model.generate(**inputs, max_new_tokens=4, do_sample=False)
        graph = graph + " " + tokenizer.decode(out[0], skip_special_tokens=True)
    return graph


if __name__ == "__main__":
    tokenizer = get_tokenizer()
    module = VerifierModule(tokenizer)
    print("loss", [round(module.step(*zip(*PAIRS)), 3) for _ in range(2)])
    buffer = io.BytesIO()
    module.save(buffer)
    buffer.seek(0)
    verifier = load_verifier(buffer, tokenizer)
    print(len(correct(verifier, tokenizer, PAIRS[0][0]).split()) > 0)

"""A predict endpoint for text generation: all instances of one request are answered in one generate() call."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SENTENCES = [
    "the pod restarts because the probe times out",
    "scale the deployment to three replicas",
    "my model server answers slowly after the update",
    "roll back",
]


def train_tokenizer(sentences):
    vocab = {"<pad>": 0, "<unk>": 1, "</s>": 2}
    for sentence in sentences:
        for word in sentence.split():
            vocab.setdefault(word, len(vocab))
    backend = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return backend


class GenerativePredictor:
    def __init__(self, name, max_new_tokens=6):
        self.name = name
        self.max_new_tokens = max_new_tokens
        self.ready = False

    def load(self):
        backend = train_tokenizer(SENTENCES)
        self.tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=backend, pad_token="<pad>", unk_token="<unk>", eos_token="</s>", model_max_length=64,
            padding_side="left",
        )
        torch.manual_seed(11)
        self.model = LlamaForCausalLM(LlamaConfig(
            vocab_size=len(self.tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.4,
            pad_token_id=0, bos_token_id=None, eos_token_id=2,
        )).eval()
        self.ready = True

    def preprocess(self, payload):
        encoded = self.tokenizer(payload["instances"], padding=True, truncation=True, return_tensors="pt",
                                 return_token_type_ids=False)
        return encoded

    @torch.no_grad()
    def predict(self, encoded):
        sequences = self.model.generate(**encoded, max_new_tokens=self.max_new_tokens, do_sample=False)
        return sequences[:, encoded["input_ids"].size(1):]

    def postprocess(self, new_tokens):
        return {"predictions": self.tokenizer.batch_decode(new_tokens, skip_special_tokens=True)}

    def __call__(self, payload):
        if not self.ready:
            self.load()
        return self.postprocess(self.predict(self.preprocess(payload)))


if __name__ == "__main__":
    predictor = GenerativePredictor("llama-tiny")
    response = predictor({"instances": SENTENCES})
    for prompt, answer in zip(SENTENCES, response["predictions"]):
        print(f"{prompt!r} -> {answer!r}")

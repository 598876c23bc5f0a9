"""Zero-shot evaluation: score every answer choice with a decoder and take the likeliest."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

EXAMPLES = [
    ("the premise says it rained all day . was the ground wet ?", 0),
    ("is water dry ?", 1),
    ("the train left at noon and nobody saw it again . is the train still here ?", 1),
    ("do birds fly ?", 0),
]
CHOICES = ["yes it is", "no it is not"]


def build_tokenizer():
    vocab = {"<pad>": 0, "</s>": 1, "<unk>": 2}
    for text in [q for q, _ in EXAMPLES] + CHOICES:
        for word in text.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


class ChoiceScorer:
    def __init__(self):
        self.tokenizer = build_tokenizer()
        torch.manual_seed(4)
        self.model = LlamaForCausalLM(LlamaConfig(
            vocab_size=len(self.tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=64, initializer_range=0.4,
        )).eval()

    @torch.no_grad()
    def score(self, questions, choice):
        prompt = self.tokenizer(questions, padding=True, return_tensors="pt")
        answer = self.tokenizer([choice] * len(questions), padding=True, return_tensors="pt")
        input_ids = torch.cat([prompt.input_ids, answer.input_ids], dim=-1)
        mask = torch.cat([prompt.attention_mask, answer.attention_mask], dim=-1)
        position_ids = (mask.cumsum(-1) - 1).clamp(min=0)
        logits = self.model(input_ids, attention_mask=mask, position_ids=position_ids).logits
        start = prompt.input_ids.shape[-1]
        logprobs = logits[:, start - 1:-1].log_softmax(-1)
        picked = logprobs.gather(-1, answer.input_ids.unsqueeze(-1)).squeeze(-1)
        return (picked * answer.attention_mask).sum(-1)

    def predict(self, questions):
        return torch.stack([self.score(questions, c) for c in CHOICES], dim=-1)


def evaluate(batch_size):
    scorer, hits = ChoiceScorer(), 0
    for i in range(0, len(EXAMPLES), batch_size):
        questions, gold = zip(*EXAMPLES[i:i + batch_size])
        scores = scorer.predict(list(questions))
        for question, row in zip(questions, scores.tolist()):
            print(f"{question[:22]:<22}", " ".join(f"{v:.2f}" for v in row))
        hits += (scores.argmax(-1) == torch.tensor(gold)).sum().item()
    print(f"accuracy {hits / len(EXAMPLES):.2f}")


evaluate(batch_size=4)

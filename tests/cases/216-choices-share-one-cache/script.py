"""Multiple choice: which continuation of the question does the model find most likely?"""
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

QUESTION = [11, 4, 27, 9, 33, 8, 15]
CHOICES = {"A": [21, 6, 14], "B": [40, 22, 5], "C": [21, 6, 38], "D": [7, 19, 19]}


def load_model():
    torch.manual_seed(5)
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=48, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.3,
    )).eval()


class MultipleChoice:
    def __init__(self, model):
        self.model = model

    def score(self, last, choice, cache):
        logits = self.model(choice, past_key_values=cache, use_cache=False).logits
        logits = torch.cat([last, logits[:, :-1]], dim=1)
        return logits.log_softmax(-1).gather(-1, choice.unsqueeze(-1)).sum().item()

    @torch.no_grad()
    def rank(self, question, choices):
        prompt = self.model(torch.tensor([question]), use_cache=True)
        last, cache = prompt.logits[:, -1:], prompt.past_key_values
        scores = [self.score(last, torch.tensor([ids]), cache) for ids in choices.values()]
        return sorted(zip(choices, scores), key=lambda pair: -pair[1])


def main():
    judge = MultipleChoice(load_model())
    for name, score in judge.rank(QUESTION, CHOICES):
        alone = judge.rank(QUESTION, {name: CHOICES[name]})[0][1]
        print(f"{name} {score:.4f} (alone {alone:.4f})")


if __name__ == "__main__":
    main()

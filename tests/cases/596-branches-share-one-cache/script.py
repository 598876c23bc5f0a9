"""Context-aware contrastive decoding: answers with a retrieved passage against answers without it."""
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

PASSAGES = {"river": [12, 31, 7, 25, 44, 9, 18], "tower": [40, 22, 5, 36]}
QUESTIONS = {"river": [3, 17, 28, 11], "tower": [3, 19, 33, 14, 6]}


def load_model():
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=48, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.3,
    )).eval()


class ContrastiveDecoder:
    def __init__(self, model, alpha=0.5, plausible=0.05):
        self.model = model
        self.alpha, self.plausible = alpha, plausible

    def forward(self, ids, model_kwargs):
        out = self.model(ids, use_cache=True, **model_kwargs)
        mask = model_kwargs["attention_mask"]
        model_kwargs["attention_mask"] = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        return out.logits[:, -1]

    def combine(self, with_passage, without):
        scores = (1 + self.alpha) * with_passage.log_softmax(-1) - self.alpha * without.log_softmax(-1)
        probs = with_passage.softmax(-1)
        return scores.masked_fill(probs < self.plausible * probs.amax(-1, keepdim=True), float("-inf"))

    @torch.no_grad()
    def generate(self, passage, question, max_new_tokens=6):
        input_ids, input_ids_cd = torch.tensor([passage + question]), torch.tensor([question])
        model_kwargs = {
            "past_key_values": DynamicCache(config=self.model.config), "attention_mask": torch.ones_like(input_ids)
        }
        model_kwargs_cd = model_kwargs.copy()
        model_kwargs_cd["attention_mask"] = torch.ones_like(input_ids_cd)
        answer = []
        for _ in range(max_new_tokens):
            logits = self.forward(input_ids, model_kwargs)
            logits_cd = self.forward(input_ids_cd, model_kwargs_cd)
            input_ids = input_ids_cd = self.combine(logits, logits_cd).argmax(-1, keepdim=True)
            answer.append(input_ids.item())
        return answer


if __name__ == "__main__":
    decoder = ContrastiveDecoder(load_model())
    for topic, passage in PASSAGES.items():
        print(topic, decoder.generate(passage, QUESTIONS[topic]))

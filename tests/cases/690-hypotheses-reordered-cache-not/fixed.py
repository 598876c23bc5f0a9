"""Beam search against a model that is served in an inference session."""
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM


class InferenceSession:
    """Keeps the server side state of one client: the attention cache and the live hypotheses."""

    def __init__(self, model, rows):
        self.model = model
        self.cache = DynamicCache(config=model.config)
        self.hypo_ids = torch.arange(rows)

    @torch.no_grad()
    def step(self, tokens):
        return self.model(tokens, past_key_values=self.cache).logits[:, -1].log_softmax(-1)

    def reorder_cache(self, beam_idx):
        self.hypo_ids = self.hypo_ids[beam_idx]
        self.cache.reorder_cache(beam_idx)

    @property
    def position(self):
        return self.cache.get_seq_length()


class BeamSearch:
    def __init__(self, model, num_beams, eos_token_id=2):
        self.model, self.num_beams, self.eos = model, num_beams, eos_token_id

    def run(self, prompt, max_new_tokens):
        session = InferenceSession(self.model, self.num_beams)
        tokens = torch.tensor([prompt]).repeat(self.num_beams, 1)
        scores = torch.full((self.num_beams,), float("-inf"))
        scores[0] = 0.0
        step_input = tokens
        for _ in range(max_new_tokens):
            logprobs = session.step(step_input)
            logprobs[:, self.eos] = float("-inf")
            total = scores[:, None] + logprobs
            scores, flat = total.flatten().topk(self.num_beams)
            beam_idx = flat // logprobs.size(-1)
            picked = flat % logprobs.size(-1)
            session.reorder_cache(beam_idx)
            step_input = picked[:, None]
            tokens = torch.cat([tokens[beam_idx], step_input], dim=1)
        return tokens[:, len(prompt):], scores


def load_model():
    torch.manual_seed(3)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=60, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.3,
    )).eval()


def main():
    search = BeamSearch(load_model(), num_beams=4)
    for prompt in ([5, 17, 33, 8], [41, 12, 9, 9, 27]):
        beams, scores = search.run(prompt, max_new_tokens=8)
        print("prompt", prompt)
        for row, score in zip(beams.tolist(), scores.tolist()):
            print(f"  {score:8.3f}  {row}")


if __name__ == "__main__":
    main()

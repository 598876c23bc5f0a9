"""Chat server for a vision-language model whose pictures use fewer positions than tokens."""
import torch
from transformers import LlamaConfig, LlamaForCausalLM

IMAGE = 3


class VisionChat:
    def __init__(self):
        torch.manual_seed(0)
        self.model = LlamaForCausalLM(LlamaConfig(
            vocab_size=90, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.4,
        )).eval()
        self.rope_deltas = None

    def prompt_positions(self, ids, grids):
        """All tokens of one picture share the positions of its longer side."""
        steps = torch.ones_like(ids)
        for row, (height, width) in enumerate(grids):
            where = (ids[row] == IMAGE).nonzero().squeeze(1)
            steps[row, where] = 0
            steps[row, where[:max(height, width)]] = 1
        positions = steps.cumsum(1) - 1
        self.rope_deltas = positions[:, -1:] + 1 - ids.size(1)
        return positions

    def positions(self, ids, past, grids):
        if past == 0 and grids is not None:
            return self.prompt_positions(ids, grids)
        positions = torch.arange(past, past + ids.size(1)).unsqueeze(0)
        if past > 0 and self.rope_deltas is not None:
            positions = positions + self.rope_deltas
        return positions

    @torch.no_grad()
    def generate(self, ids, grids=None, length=4):
        cache, tokens, answer = None, ids, []
        for _ in range(length):
            past = 0 if cache is None else cache.get_seq_length()
            out = self.model(
                tokens, position_ids=self.positions(tokens, past, grids), past_key_values=cache, use_cache=True
            )
            cache = out.past_key_values
            tokens = out.logits[:, -1].argmax(-1, keepdim=True)
            answer.append(tokens)
        return torch.cat(answer, dim=1).tolist()


def with_picture(question, height, width):
    return [1] + [IMAGE] * (height * width) + question


if __name__ == "__main__":
    chat = VisionChat()
    print("text    ", chat.generate(torch.tensor([[1, 20, 21, 22]])))
    pictures = torch.tensor([with_picture([40, 41], 2, 4), with_picture([50, 51], 4, 2)])
    print("pictures", chat.generate(pictures, grids=[(2, 4), (4, 2)]))
    print("text    ", chat.generate(torch.tensor([[1, 20, 21, 22]])))

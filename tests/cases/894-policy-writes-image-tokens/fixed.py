"""GRPO style rollouts with a small LLaVA: sample answers, then score them again for the policy loss."""
import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

IMAGE_TOKEN, BOS, EOS, PAD = 5, 1, 2, 0
IMAGE_SIDE, PATCH = 24, 8


def make_policy():
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=IMAGE_SIDE,
        patch_size=PATCH,
    )
    text = LlamaConfig(
        vocab_size=30, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD,
    )
    return LlavaForConditionalGeneration(LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=IMAGE_TOKEN,
        image_seq_length=(IMAGE_SIDE // PATCH) ** 2,
    ))


def prompt_for(question):
    patches = (IMAGE_SIDE // PATCH) ** 2
    return torch.tensor([[BOS] + [IMAGE_TOKEN] * patches + question])


class Rollouts:
    def __init__(self, policy, group_size, max_new_tokens):
        self.policy = policy
        self.group_size = group_size
        self.max_new_tokens = max_new_tokens

    @torch.no_grad()
    def sample(self, prompt, pixels):
        sequences = self.policy.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), pixel_values=pixels, do_sample=True,
            num_return_sequences=self.group_size, max_new_tokens=self.max_new_tokens, suppress_tokens=[PAD, IMAGE_TOKEN],
        )
        completions = sequences[:, prompt.size(1):]
        return torch.cat([prompt.expand(self.group_size, -1), completions], dim=1), completions

    def log_probs(self, sequences, completions, pixels):
        logits = self.policy(
            input_ids=sequences, attention_mask=(sequences != PAD).long(),
            pixel_values=pixels.expand(self.group_size, -1, -1, -1),
        ).logits
        logits = logits[:, -completions.size(1) - 1:-1]
        return logits.log_softmax(-1).gather(-1, completions.unsqueeze(-1)).squeeze(-1)


def main():
    torch.manual_seed(5)
    rollouts = Rollouts(make_policy(), group_size=4, max_new_tokens=8)
    optimizer = torch.optim.SGD(rollouts.policy.parameters(), lr=0.01)
    pixels = torch.randn(1, 3, IMAGE_SIDE, IMAGE_SIDE)
    for step, question in enumerate([[7, 8, 9], [10, 11, 12, 13]]):
        sequences, completions = rollouts.sample(prompt_for(question), pixels)
        rewards = (completions == 20).float().sum(1)
        advantage = (rewards - rewards.mean()).unsqueeze(1)
        keep = (completions != PAD).float()
        loss = -(advantage * keep * rollouts.log_probs(sequences, completions, pixels)).sum() / keep.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} mean reward {rewards.mean().item():.2f}")


main()

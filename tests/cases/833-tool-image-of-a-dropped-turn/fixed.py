"""Roll out a tool-using picture agent and score its trajectories for policy training."""
from dataclasses import dataclass, field

import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

IMAGE_ID, VOCAB, PATCHES = 5, 60, (24 // 8) ** 2


@dataclass
class AgentData:
    prompt_ids: list
    images: list
    response_ids: list = field(default_factory=list)
    response_mask: list = field(default_factory=list)


class ZoomTool:
    def __call__(self, image):
        crop = image[:, 4:20, 4:20].unsqueeze(0)
        return torch.nn.functional.interpolate(crop, size=(24, 24))[0]


class ToolAgentLoop:
    def __init__(self, tool, response_length):
        self.tool, self.response_length = tool, response_length

    def call_tool(self, data):
        data.images.append(self.tool(data.images[0]))
        return [8] + [IMAGE_ID] * PATCHES + [9]

    def run(self, question, image, turns, seed):
        gen = torch.Generator().manual_seed(seed)
        data = AgentData([8] + [IMAGE_ID] * PATCHES + [9] + question, [image])
        for _ in range(turns):
            reply = torch.randint(10, VOCAB, (6,), generator=gen).tolist()
            data.response_ids += reply
            data.response_mask += [1] * len(reply)
            tool_ids = self.call_tool(data)
            if len(data.response_ids) + len(tool_ids) > self.response_length:
                data.images.pop()
                break
            data.response_ids += tool_ids
            data.response_mask += [0] * len(tool_ids)
        return data


def build_policy():
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=24, patch_size=8
    )
    text = LlamaConfig(
        vocab_size=VOCAB, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=256, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )
    return LlavaForConditionalGeneration(
        LlavaConfig(vision_config=vision, text_config=text, image_token_index=IMAGE_ID, image_seq_length=PATCHES)
    ).eval()


@torch.no_grad()
def compute_log_prob(policy, data):
    ids = torch.tensor([data.prompt_ids + data.response_ids])
    logits = policy(input_ids=ids, pixel_values=torch.stack(data.images)).logits
    logp = logits[:, :-1].log_softmax(-1).gather(2, ids[:, 1:, None]).squeeze(-1)[0, -len(data.response_ids):]
    mask = torch.tensor(data.response_mask)
    return (logp * mask).sum().item() / mask.sum().item()


def main():
    policy, loop = build_policy(), ToolAgentLoop(ZoomTool(), response_length=48)
    image = torch.randn(3, 24, 24)
    for turns in (1, 2, 3):
        data = loop.run([20, 21, 22], image, turns, seed=turns)
        print(f"{turns} turn(s), {len(data.response_ids)} response tokens, {len(data.images)} images,", end=" ")
        print(f"log prob {compute_log_prob(policy, data):.3f}")


if __name__ == "__main__":
    main()

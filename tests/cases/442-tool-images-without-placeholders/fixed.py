from dataclasses import dataclass, field

import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

IMAGE, SIDE, PATCH = 4, 24, 8
PER_IMAGE = (SIDE // PATCH) ** 2


@dataclass
class Trajectory:
    ids: list = field(default_factory=list)
    images: list = field(default_factory=list)

    def add(self, ids, images=()):
        self.ids += ids
        self.images += list(images)

    def inputs(self):
        ids = torch.tensor([self.ids])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": torch.stack(self.images)}


class Vocabulary:
    def __init__(self):
        self.table = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "<image>": IMAGE}

    def encode(self, text):
        ids = [self.table.setdefault(word, len(self.table)) for word in text.split()]
        return [i for token in ids for i in ([token] * PER_IMAGE if token == IMAGE else [token])]


def build_model():
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=SIDE, patch_size=PATCH
    )
    text = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )
    return LlavaForConditionalGeneration(LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=IMAGE, image_seq_length=PER_IMAGE
    )).eval()


def search_images(query, count=2):
    images = [torch.rand(3, SIDE, SIDE) for _ in range(count)]
    titles = " ".join(f"result {i} : {query} <image>" for i in range(count))
    return f"[search] {titles} [/search]", images


class Agent:
    def __init__(self, model, vocabulary, tools):
        self.model, self.vocabulary, self.tools = model, vocabulary, tools

    @torch.no_grad()
    def think(self, trajectory):
        return self.model(**trajectory.inputs()).logits[0, -1].topk(2).values

    def run(self, question, image, turns):
        trajectory = Trajectory()
        trajectory.add(self.vocabulary.encode(f"<s> user: <image> {question} assistant:"), [image])
        for turn, tool in enumerate(turns):
            margin = self.think(trajectory)
            print("turn", turn, "tokens", len(trajectory.ids), "margin %.3f" % (margin[0] - margin[1]))
            observation, images = self.tools[tool](question)
            trajectory.add(self.vocabulary.encode(observation), images)
        return self.think(trajectory)


if __name__ == "__main__":
    torch.manual_seed(0)
    tools = {"text": lambda query: (f"[page] about {query} [/page]", []), "image": search_images}
    agent = Agent(build_model(), Vocabulary(), tools)
    print("final", agent.run("which bird is this", torch.rand(3, SIDE, SIDE), ["text", "image"]).shape[0])

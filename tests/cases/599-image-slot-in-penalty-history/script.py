import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, LogitsProcessorList, RepetitionPenaltyLogitsProcessor
from transformers import TemperatureLogitsWarper

IMAGE_TOKEN_INDEX = -200
VOCAB, WIDTH = 72, 32


class VisionTower(nn.Module):
    def __init__(self, patch=8):
        super().__init__()
        self.embed = nn.Conv2d(3, 24, patch, stride=patch)
        self.projector = nn.Sequential(nn.Linear(24, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))

    def forward(self, pixels):
        return self.projector(self.embed(pixels).flatten(2).transpose(1, 2))


class Assistant(nn.Module):
    def __init__(self):
        super().__init__()
        self.vision = VisionTower()
        self.language = LlamaForCausalLM(LlamaConfig(
            vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=4, max_position_embeddings=128, initializer_range=0.8,
        ))

    def embed_multimodal(self, input_ids, pixels):
        slot = (input_ids[0] == IMAGE_TOKEN_INDEX).nonzero().item()
        table = self.language.get_input_embeddings()
        before, after = table(input_ids[:, :slot]), table(input_ids[:, slot + 1:])
        return torch.cat([before, self.vision(pixels), after], dim=1)


def build_processors(temperature, repetition_penalty):
    processors = LogitsProcessorList()
    if temperature != 1.0:
        processors.append(TemperatureLogitsWarper(temperature))
    if repetition_penalty != 1.0:
        processors.append(RepetitionPenaltyLogitsProcessor(repetition_penalty))
    return processors


@torch.no_grad()
def answer(model, input_ids, pixels, max_new_tokens=8, temperature=1.0, repetition_penalty=1.0):
    processors = build_processors(temperature, repetition_penalty)
    history = input_ids
    out = model.language(inputs_embeds=model.embed_multimodal(input_ids, pixels), use_cache=True)
    reply = []
    for _ in range(max_new_tokens):
        scores = processors(history, out.logits[:, -1])
        token = scores.argmax(-1, keepdim=True)
        reply.append(token.item())
        history = torch.cat([history, token], dim=1)
        out = model.language(token, past_key_values=out.past_key_values, use_cache=True)
    return reply


torch.manual_seed(5)
assistant = Assistant().eval()
question = torch.tensor([[1, 30, IMAGE_TOKEN_INDEX, 12, 47, 8, 9, 33]])
image = torch.rand(1, 3, 32, 32)

print("greedy    ", answer(assistant, question, image))
print("warm      ", answer(assistant, question, image, temperature=0.7))
print("no repeats", answer(assistant, question, image, temperature=0.7, repetition_penalty=1.2))

"""Where does an InstructBLIP answer look at? Attention of the last token, traced back to the image patches."""
import torch
from transformers import (
    InstructBlipConfig, InstructBlipForConditionalGeneration, InstructBlipQFormerConfig, InstructBlipVisionConfig, LlamaConfig,
)

IMAGE_TOKEN, IMAGE_SIDE, PATCH = 5, 32, 8
NUM_IMG_TOKENS = (IMAGE_SIDE // PATCH) ** 2
ATT_LAYER = 1


def build_model(queries=8):
    torch.manual_seed(0)
    vision = InstructBlipVisionConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4, image_size=IMAGE_SIDE, patch_size=PATCH
    )
    qformer = InstructBlipQFormerConfig(
        vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        encoder_hidden_size=32, cross_attention_frequency=1,
    )
    text = LlamaConfig(
        vocab_size=60, hidden_size=48, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )
    config = InstructBlipConfig(
        vision_config=vision.to_dict(), qformer_config=qformer.to_dict(), text_config=text.to_dict(),
        num_query_tokens=queries, image_token_index=IMAGE_TOKEN,
    )
    model = InstructBlipForConditionalGeneration(config)
    model.set_attn_implementation("eager")
    model.qformer.config.output_attentions = True
    return model.eval()


def prepare(question, pixels, queries=8):
    ids = torch.tensor([[IMAGE_TOKEN] * queries + [1] + question])
    qformer_ids = torch.tensor([[2] + [w % 40 for w in question] + [3]])
    return {
        "pixel_values": pixels, "input_ids": ids, "attention_mask": torch.ones_like(ids),
        "qformer_input_ids": qformer_ids, "qformer_attention_mask": torch.ones_like(qformer_ids),
    }


@torch.no_grad()
def image_attention(model, inputs):
    out = model(**inputs, output_attentions=True)
    lm_atts = out.language_model_outputs.attentions[ATT_LAYER].mean(1)[:, -1:, :model.config.num_query_tokens]
    q_former_att = out.qformer_outputs.cross_attentions[ATT_LAYER].mean(1)[:, :, 1:]
    return torch.bmm(lm_atts, q_former_att).squeeze(1)


def relative_attention(model, question, general, pixels):
    specific = image_attention(model, prepare(question, pixels))
    baseline = image_attention(model, prepare(general, pixels))
    side = IMAGE_SIDE // PATCH
    return (specific / baseline).view(side, side)


def crop_box(att_map):
    row, col = divmod(att_map.argmax().item(), att_map.size(1))
    return col * PATCH, row * PATCH, (col + 1) * PATCH, (row + 1) * PATCH


def main():
    model = build_model()
    pixels = torch.rand(1, 3, IMAGE_SIDE, IMAGE_SIDE)
    questions = {"colour": [10, 27, 33, 8, 41], "count": [10, 52, 17, 9, 30]}
    for name, question in questions.items():
        att_map = relative_attention(model, question, [12, 20, 9, 44, 31], pixels)
        print(name, "map", tuple(att_map.shape), "crop", crop_box(att_map))


if __name__ == "__main__":
    main()

import torch
from transformers import ViTConfig, ViTForImageClassification

config = ViTConfig(
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=64,
    image_size=64,
    patch_size=16,
    num_labels=3,
)
model = ViTForImageClassification(config)


def load_images(n, size=96):
    return torch.rand(n, 3, size, size)


pixels = load_images(4)
with torch.no_grad():
    print(model(pixel_values=pixels).logits.shape)

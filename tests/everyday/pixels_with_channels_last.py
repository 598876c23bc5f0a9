import numpy as np
import torch
from transformers import ViTConfig, ViTModel

model = ViTModel(
    ViTConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64, image_size=32, patch_size=8
    )
).eval()


def to_tensor(image):
    return torch.from_numpy(image).float() / 255


images = [np.random.randint(0, 255, (32, 32, 3), dtype=np.uint8) for _ in range(2)]
pixels = torch.stack([to_tensor(i) for i in images])
print(model(pixel_values=pixels).last_hidden_state.shape)

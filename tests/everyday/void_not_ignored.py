import torch
from torch import nn
from torch.nn import functional as F
from transformers import SegformerConfig, SegformerForSemanticSegmentation

torch.set_num_threads(1)
torch.manual_seed(0)
CLASSES = ["road", "building", "tree", "car"]
VOID = 255


def load_pair(i):
    g = torch.Generator().manual_seed(i)
    image = torch.rand(3, 64, 64, generator=g)
    mask = torch.zeros(64, 64, dtype=torch.long)
    for c in range(1, len(CLASSES) + 1):
        y, x = torch.randint(0, 40, (2,), generator=g).tolist()
        mask[y : y + 24, x : x + 24] = c
    mask[mask == 0] = VOID
    mask = torch.where(mask == VOID, mask, mask - 1)
    return image, mask


config = SegformerConfig(
    num_encoder_blocks=4,
    depths=[1, 1, 1, 1],
    hidden_sizes=[16, 16, 32, 32],
    num_attention_heads=[1, 1, 2, 2],
    sr_ratios=[4, 2, 1, 1],
    decoder_hidden_size=32,
    num_labels=len(CLASSES),
)
model = SegformerForSemanticSegmentation(config)
weights = torch.tensor([0.5, 1.0, 1.0, 2.0])
criterion = nn.CrossEntropyLoss(weight=weights)
optim = torch.optim.AdamW(model.parameters(), lr=1e-3)


def run_batch(indices):
    images, masks = map(torch.stack, zip(*(load_pair(i) for i in indices)))
    logits = model(pixel_values=images).logits
    logits = F.interpolate(logits, size=masks.shape[-2:], mode="bilinear", align_corners=False)
    loss = criterion(logits, masks)
    loss.backward()
    optim.step()
    optim.zero_grad()
    return loss.item()


for step in range(3):
    print(step, run_batch(range(step * 2, step * 2 + 2)))

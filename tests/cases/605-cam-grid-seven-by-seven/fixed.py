"""Class activation maps for vision transformers: token activations are laid out as an image again."""
import torch
from torch.nn import functional as F
from transformers import ViTConfig, ViTForImageClassification

SIDE = 56


def reshape_transform(tensor):
    side = round((tensor.size(1) - 1) ** 0.5)
    result = tensor[:, 1:, :].reshape(tensor.size(0), side, side, tensor.size(2))
    return result.permute(0, 3, 1, 2)


class ActivationsAndGradients:
    def __init__(self, layer, transform):
        self.transform = transform
        self.activations = self.gradients = None
        self.handle = layer.register_forward_hook(self.remember)

    def remember(self, module, args, output):
        self.activations = self.transform(output.detach())
        output.register_hook(self.remember_gradient)

    def remember_gradient(self, grad):
        self.gradients = self.transform(grad)

    def release(self):
        self.handle.remove()


class GradCAM:
    def __init__(self, model, target_layer, transform=reshape_transform):
        self.model = model.eval()
        self.tape = ActivationsAndGradients(target_layer, transform)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.tape.release()

    def __call__(self, pixels):
        logits = self.model(pixel_values=pixels).logits
        self.model.zero_grad()
        logits.max(dim=-1).values.sum().backward()
        weights = self.tape.gradients.mean(dim=(2, 3), keepdim=True)
        cam = (weights * self.tape.activations).sum(dim=1, keepdim=True).relu()
        cam = F.interpolate(cam, size=pixels.shape[-2:], mode="bilinear", align_corners=False)
        return cam / cam.amax(dim=(2, 3), keepdim=True).clamp_min(1e-8)


def build(patch, width, seed):
    torch.manual_seed(seed)
    return ViTForImageClassification(ViTConfig(
        image_size=SIDE, patch_size=patch, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=3,
        num_attention_heads=4, num_labels=5, initializer_range=0.2,
    ))


def last_norm(model):
    names = [name for name, _ in model.named_modules() if name.endswith("layernorm_before")]
    return model.get_submodule(names[-1])


def explain(name, model, images):
    with GradCAM(model, last_norm(model)) as cam:
        heat = cam(images)
    print(f"{name}: map {tuple(heat.shape)}, share above one half {(heat > 0.5).float().mean():.3f}")


images = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
explain("tile encoder, patch 8", build(patch=8, width=32, seed=1), images)
explain("slide encoder, patch 7", build(patch=7, width=48, seed=2), images)

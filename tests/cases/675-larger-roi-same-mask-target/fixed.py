"""One training step of a mask head on pooled regions."""
import torch
import torch.nn.functional as F
from torch import nn

model_cfg = dict(
    mask_roi_extractor=dict(output_size=28, stride=4),
    mask_head=dict(in_channels=16, conv_out_channels=24, num_convs=2, num_classes=3),
    train_cfg=dict(mask_size=56, pos_fraction=0.5),
)


class RoIExtractor(nn.Module):
    def __init__(self, output_size, stride):
        super().__init__()
        self.output_size, self.stride = output_size, stride

    def forward(self, feats, rois):
        pooled = []
        for image, x0, y0, x1, y1 in rois.tolist():
            box = feats[image:image + 1, :, y0 // self.stride:y1 // self.stride, x0 // self.stride:x1 // self.stride]
            pooled.append(F.interpolate(box, size=self.output_size, mode="bilinear"))
        return torch.cat(pooled)


class MaskHead(nn.Module):
    def __init__(self, in_channels, conv_out_channels, num_convs, num_classes):
        super().__init__()
        widths = [in_channels] + [conv_out_channels] * num_convs
        self.convs = nn.Sequential(*(
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.ReLU()) for a, b in zip(widths, widths[1:])
        ))
        self.upsample = nn.ConvTranspose2d(conv_out_channels, conv_out_channels, 2, stride=2)
        self.conv_logits = nn.Conv2d(conv_out_channels, num_classes, 1)

    def forward(self, x):
        return self.conv_logits(F.relu(self.upsample(self.convs(x))))

    def get_targets(self, rois, gt_masks, train_cfg):
        targets = []
        for image, x0, y0, x1, y1 in rois.tolist():
            crop = gt_masks[image][None, None, y0:y1, x0:x1]
            targets.append(F.interpolate(crop, size=train_cfg["mask_size"], mode="nearest")[0, 0])
        return torch.stack(targets)


def mask_cross_entropy(pred, target, label):
    pred_slice = pred[torch.arange(len(pred)), label]
    return F.binary_cross_entropy_with_logits(pred_slice, target)


def train_step(extractor, head, feats, rois, labels, gt_masks):
    pred = head(extractor(feats, rois))
    target = head.get_targets(rois, gt_masks, model_cfg["train_cfg"])
    loss = mask_cross_entropy(pred, target, labels)
    loss.backward()
    return loss.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    feats, gt_masks = torch.randn(2, 16, 32, 32), (torch.rand(2, 128, 128) > 0.5).float()
    rois = torch.tensor([[0, 8, 8, 72, 88], [0, 40, 16, 120, 64], [1, 0, 0, 60, 60], [1, 64, 20, 124, 124]])
    extractor, head = RoIExtractor(**model_cfg["mask_roi_extractor"]), MaskHead(**model_cfg["mask_head"])
    loss = train_step(extractor, head, feats, rois, torch.tensor([0, 2, 1, 1]), gt_masks)
    print(f"loss_mask {loss:.4f}")

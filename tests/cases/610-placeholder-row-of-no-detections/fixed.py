"""Run a one-stage detector over a folder of images in batches and collect every box in one table."""
import torch
from torch import nn

NAMES = ["person", "dog", "kite"]
ANCHORS = [(10.0, 14.0), (24.0, 18.0)]


class TinyYolo(nn.Module):
    def __init__(self, n_classes, n_anchors):
        super().__init__()
        self.attrs, self.n_anchors = 5 + n_classes, n_anchors
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.LeakyReLU(0.1),
            nn.Conv2d(8, 16, 3, stride=4, padding=1), nn.LeakyReLU(0.1),
        )
        self.head = nn.Conv2d(16, n_anchors * self.attrs, 1)
        nn.init.normal_(self.head.weight, std=1.5)
        nn.init.constant_(self.head.bias, -0.5)

    def forward(self, x):
        raw = self.head(self.body(x))
        n, _, h, w = raw.shape
        raw = raw.view(n, self.n_anchors, self.attrs, h, w).permute(0, 3, 4, 1, 2)
        grid = torch.stack(torch.meshgrid(torch.arange(w), torch.arange(h), indexing="xy"), -1)[:, :, None]
        centre = (raw[..., :2].sigmoid() + grid) * (x.size(-1) / w)
        size = raw[..., 2:4].clamp(max=2).exp() * torch.tensor(ANCHORS)
        return torch.cat((centre, size, raw[..., 4:].sigmoid()), -1).flatten(1, 3)


def corners(boxes):
    half = boxes[:, 2:4] / 2
    return torch.cat((boxes[:, :2] - half, boxes[:, :2] + half, boxes[:, 4:]), 1)


def iou(box, others):
    low, high = torch.maximum(box[:2], others[:, :2]), torch.minimum(box[2:4], others[:, 2:4])
    inter = (high - low).clamp(min=0).prod(1)
    area = lambda b: (b[..., 2:4] - b[..., :2]).prod(-1)
    return inter / (area(box) + area(others) - inter)


def nms(rows, threshold):
    rows, kept = rows[rows[:, 4].argsort(descending=True)], []
    while len(rows):
        kept.append(rows[0])
        rows = rows[1:][iou(rows[0], rows[1:]) < threshold]
    return torch.stack(kept)


def write_results(prediction, confidence, nms_threshold=0.4):
    """Rows of (image, x1, y1, x2, y2, objectness, class score, class) for a batch."""
    output = prediction.new_zeros(0, 8)
    written = False
    for index, image in enumerate(prediction):
        image = image[image[:, 4] > confidence]
        if not len(image):
            continue
        score, label = image[:, 5:].max(1, keepdim=True)
        rows = torch.cat((corners(image)[:, :5], score, label.float()), 1)
        for cls in label.unique():
            best = nms(rows[rows[:, -1] == cls], nms_threshold)
            rows_out = torch.cat((best.new_full((len(best), 1), index), best), 1)
            output = torch.cat((output, rows_out)) if written else rows_out
            written = True
    return output


def load_images():
    torch.manual_seed(3)
    bright = torch.rand(4, 3, 64, 64) * torch.tensor([4.0, 3.0, 5.0, 4.0]).view(-1, 1, 1, 1)
    night = torch.zeros(2, 3, 64, 64)
    return torch.cat((bright, night))


@torch.no_grad()
def detect(model, images, batch_size, confidence):
    output = None
    for number, batch in enumerate(images.split(batch_size)):
        prediction = write_results(model(batch), confidence)
        if output is None:
            output = prediction
        else:
            prediction[:, 0] += number * batch_size
            output = torch.cat((output, prediction))
    return output


if __name__ == "__main__":
    images = load_images()
    model = TinyYolo(len(NAMES), len(ANCHORS)).eval()
    table = detect(model, images, batch_size=2, confidence=0.55)
    for i in range(len(images)):
        found = [NAMES[int(c)] for c in table[table[:, 0] == i][:, -1]]
        print(f"image {i}: {len(found)} objects {sorted(set(found))}")

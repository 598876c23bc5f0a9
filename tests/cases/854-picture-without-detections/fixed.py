import torch
from torch import nn

CLASSES = ["background", "bolt", "nut"]


class TinySSD(nn.Module):
    def __init__(self, priors=6):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d((priors, 1))
        )
        self.classify = nn.Linear(8, len(CLASSES), bias=False)
        self.locate = nn.Linear(8, 4)

    def forward(self, images):
        x = self.features(images).squeeze(-1).transpose(1, 2)
        return (self.classify(x) * 20).softmax(-1), self.locate(x).sigmoid()


class Predictor:
    def __init__(self, net, size):
        self.net, self.size = net, size

    @torch.no_grad()
    def predict(self, image, prob_threshold=0.5):
        scores, boxes = (t[0] for t in self.net(image.unsqueeze(0)))
        picked_boxes, picked_labels, picked_probs = [], [], []
        for class_index in range(1, len(CLASSES)):
            mask = scores[:, class_index] > prob_threshold
            if not mask.any():
                continue
            picked_boxes.append(boxes[mask] * self.size)
            picked_probs.append(scores[mask, class_index])
            picked_labels += [class_index] * int(mask.sum())
        if not picked_boxes:
            return torch.zeros(0, 4), torch.tensor([]), torch.tensor([])
        return torch.cat(picked_boxes), torch.tensor(picked_labels), torch.cat(picked_probs)


class MeanAPEvaluator:
    def __init__(self, dataset, predictor):
        self.dataset, self.predictor = dataset, predictor

    def rows(self, index):
        boxes, labels, probs = self.predictor.predict(self.dataset[index])
        return torch.cat([
            torch.full((probs.size(0), 1), float(index)),
            labels.reshape(-1, 1).float(),
            probs.reshape(-1, 1),
            boxes + 1.0,
        ], dim=1)

    def compute(self):
        results = [self.rows(i) for i in range(len(self.dataset))]
        print("pictures", len(results), "detections", [len(r) for r in results])
        results = torch.cat(results)
        for class_index, name in enumerate(CLASSES[1:], start=1):
            found = results[results[:, 1] == class_index]
            print(f"{name:5} {len(found)} boxes", f"mean score {found[:, 2].mean():.3f}" if len(found) else "")


if __name__ == "__main__":
    torch.manual_seed(5)
    net = TinySSD().eval()
    bright = torch.randn(3, 3, 32, 32)
    pictures = [bright[0], bright[1], torch.zeros(3, 32, 32), bright[2]]
    MeanAPEvaluator(pictures, Predictor(net, size=32)).compute()

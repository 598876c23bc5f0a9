import torch


def to_one_hot(labels, classes):
    out = torch.zeros(labels.size(0), classes)
    return out.scatter_(1, labels, 1.0)


labels = torch.randint(0, 5, (8,))
print(to_one_hot(labels, 5))

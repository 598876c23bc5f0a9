import torch
import torch.nn.functional as F
from torch import nn

model = nn.Linear(20, 5)
x = torch.rand(8, 20)
y = F.one_hot(torch.randint(0, 5, (8,)), 5)
criterion = nn.NLLLoss()
print(criterion(F.log_softmax(model(x), dim=1), y))

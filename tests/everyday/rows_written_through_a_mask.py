import torch


def update_memory(memory, idx, values):
    mask = torch.zeros(memory.size(0), dtype=torch.bool)
    mask[idx] = True
    memory[mask] = values
    return memory


memory = torch.zeros(10, 4)
idx = torch.tensor([1, 3, 3, 7])
values = torch.randn(4, 4)
update_memory(memory, idx, values)

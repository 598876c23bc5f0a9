import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

CONFIG = {
    "transformer": {"encoder_hidden": 32, "encoder_head": 2, "encoder_layer": 2, "conv_filter": 48},
    "max_seq_len": 64,
    "optimizer": {"batch_size": 4, "lr": 2e-3},
}
PHONES = "AA AE AH B CH D EH F G IH K L M N OW P R S T UW V Z sp".split()


def sinusoid_table(n_position, d_hid):
    position = np.arange(n_position)[:, None]
    angle = position / np.power(10000, 2 * (np.arange(d_hid) // 2) / d_hid)
    angle[:, 0::2] = np.sin(angle[:, 0::2])
    angle[:, 1::2] = np.cos(angle[:, 1::2])
    return torch.tensor(angle, dtype=torch.float32)


class PhonemeEncoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        t = config["transformer"]
        n_position = config["max_seq_len"] + 1
        self.src_word_emb = nn.Embedding(len(PHONES) + 1, t["encoder_hidden"], padding_idx=0)
        self.register_buffer("position_enc", sinusoid_table(n_position, t["encoder_hidden"]).unsqueeze(0))
        layer = nn.TransformerEncoderLayer(
            t["encoder_hidden"], t["encoder_head"], t["conv_filter"], dropout=0.0, batch_first=True
        )
        self.layer_stack = nn.TransformerEncoder(layer, t["encoder_layer"], enable_nested_tensor=False)
        self.duration = nn.Linear(t["encoder_hidden"], 1)

    def forward(self, src_seq):
        mask = src_seq == 0
        enc_output = self.src_word_emb(src_seq) + self.position_enc[:, :src_seq.size(1)]
        enc_output = self.layer_stack(enc_output, src_key_padding_mask=mask)
        return self.duration(enc_output).squeeze(-1).masked_fill(mask, 0.0), mask


def utterances(lengths, seed=2):
    gen = torch.Generator().manual_seed(seed)
    for n in lengths:
        phones = torch.randint(1, len(PHONES) + 1, (n,), generator=gen)
        yield phones, (phones % 5 + 1).float().log()


def reprocess(batch):
    phones, durations = zip(*batch)
    pad = nn.utils.rnn.pad_sequence
    return pad(phones, batch_first=True), pad(durations, batch_first=True)


if __name__ == "__main__":
    torch.manual_seed(0)
    lengths = [12, 20, 31, 9, 27, 16, 22, 30, 14, 38, 25, 18]
    loader = DataLoader(list(utterances(lengths)), batch_size=CONFIG["optimizer"]["batch_size"], collate_fn=reprocess)
    model = PhonemeEncoder(CONFIG)
    optimizer = torch.optim.Adam(model.parameters(), lr=CONFIG["optimizer"]["lr"])
    for step, (phones, target) in enumerate(loader, 1):
        predicted, mask = model(phones)
        loss = (predicted - target)[~mask].square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"Step {step}/{len(loader)}, Duration Loss: {loss.item():.4f}")

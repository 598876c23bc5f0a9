"""Caption decoder input: region features are normalised and embedded before attention."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

OPT = {"att_feat_size": 40, "rnn_size": 24, "use_bn": 1, "drop_prob": 0.1, "regions": 9, "vocab": 30}


class RegionEmbedder(nn.Module):
    def __init__(self, opt):
        super().__init__()
        layers = [nn.BatchNorm1d(opt["att_feat_size"])] if opt["use_bn"] else []
        layers += [nn.Linear(opt["att_feat_size"], opt["rnn_size"]), nn.ReLU(), nn.Dropout(opt["drop_prob"])]
        if opt["use_bn"] == 2:
            layers.append(nn.BatchNorm1d(opt["rnn_size"]))
        self.layers = nn.Sequential(*layers)

    def forward(self, att_feats):
        return self.layers(att_feats)


class Captioner(nn.Module):
    def __init__(self, opt):
        super().__init__()
        self.att_embed = RegionEmbedder(opt)
        self.word = nn.Embedding(opt["vocab"], opt["rnn_size"])
        self.cell = nn.GRUCell(2 * opt["rnn_size"], opt["rnn_size"])
        self.logit = nn.Linear(opt["rnn_size"], opt["vocab"])

    def attend(self, state, regions):
        weights = torch.einsum("bd,brd->br", state, regions).softmax(-1)
        return torch.einsum("br,brd->bd", weights, regions)

    def forward(self, att_feats, words):
        regions = self.att_embed(att_feats)
        state = regions.mean(1)
        outputs = []
        for t in range(words.size(1) - 1):
            step = torch.cat([self.word(words[:, t]), self.attend(state, regions)], dim=1)
            state = self.cell(step, state)
            outputs.append(self.logit(state))
        return torch.stack(outputs, dim=1)


def main():
    torch.manual_seed(0)
    data = TensorDataset(torch.randn(12, OPT["regions"], OPT["att_feat_size"]), torch.randint(0, OPT["vocab"], (12, 6)))
    model = Captioner(OPT)
    optim = torch.optim.Adam(model.parameters(), lr=1e-3)
    for feats, words in DataLoader(data, batch_size=4):
        out = model(feats, words)
        loss = nn.functional.cross_entropy(out.flatten(0, 1), words[:, 1:].flatten())
        optim.zero_grad()
        loss.backward()
        optim.step()
        print("loss %.4f" % loss.item())


main()

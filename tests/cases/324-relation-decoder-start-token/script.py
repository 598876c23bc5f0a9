import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

PAD, EOS, N_TRIPLETS = 0, 1, 30


class SceneGraphs(Dataset):
    """Region features of an image with its annotated relation triplets."""

    def __init__(self, count, seed):
        gen = torch.Generator().manual_seed(seed)
        self.items = []
        for _ in range(count):
            boxes, rels = torch.randint(4, 8, (2,), generator=gen).tolist()
            regions = torch.randn(boxes, 20, generator=gen)
            self.items.append((regions, torch.randint(2, N_TRIPLETS, (rels,), generator=gen)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(samples):
    regions, rels = zip(*samples)
    targets = pad_sequence([torch.cat([r, r.new_tensor([EOS])]) for r in rels], batch_first=True)
    relations = pad_sequence(rels, batch_first=True)
    counts = torch.tensor([len(r) for r in regions])
    src = pad_sequence(regions, batch_first=True)
    return {
        "regions": src,
        "regions_pad": torch.arange(src.size(1)) >= counts[:, None],
        "relations": relations,
        "relations_pad": relations.eq(PAD),
        "targets": targets,
    }


class RelationSeq2Seq(nn.Module):
    def __init__(self, dim=32, heads=4):
        super().__init__()
        self.visual = nn.Linear(20, dim)
        self.embed = nn.Embedding(N_TRIPLETS, dim, padding_idx=PAD)
        self.start = nn.Parameter(torch.zeros(1, 1, dim))
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(dim, heads, 64, 0.0, batch_first=True), 1)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(dim, heads, 64, 0.0, batch_first=True), 2)
        self.out = nn.Linear(dim, N_TRIPLETS)

    def decode(self, memory, batch):
        tgt = self.embed(batch["relations"])
        tgt = torch.cat([self.start.expand(tgt.size(0), -1, -1), tgt], dim=1)
        causal = torch.ones(tgt.size(1), tgt.size(1), dtype=torch.bool).triu(1)
        states = self.decoder(
            tgt, memory, tgt_mask=causal, tgt_key_padding_mask=batch["relations_pad"],
            memory_key_padding_mask=batch["regions_pad"],
        )
        return self.out(states)

    def forward(self, batch):
        memory = self.encoder(self.visual(batch["regions"]), src_key_padding_mask=batch["regions_pad"])
        return self.decode(memory, batch)


def main():
    torch.manual_seed(0)
    model = RelationSeq2Seq()
    optim = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(SceneGraphs(10, seed=3), batch_size=5, collate_fn=collate)
    print("images", len(loader.dataset))
    for epoch in range(2):
        for batch in loader:
            logits = model(batch)
            loss = nn.functional.cross_entropy(logits.transpose(1, 2), batch["targets"], ignore_index=PAD)
            optim.zero_grad()
            loss.backward()
            optim.step()
        print("epoch", epoch, "loss %.3f" % loss.item())


main()

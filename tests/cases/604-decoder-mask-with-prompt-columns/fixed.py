"""Prompt tuning for an encoder-decoder: trained vectors go in front of the source, the base model stays frozen."""
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from transformers import BartConfig, BartForConditionalGeneration

PAD, START, END = 1, 2, 3


class PromptEncoder(nn.Module):
    def __init__(self, virtual_tokens, width):
        super().__init__()
        self.embedding = nn.Embedding(virtual_tokens, width)

    def forward(self, rows):
        return self.embedding.weight.unsqueeze(0).expand(rows, -1, -1)


class PromptTunedSeq2Seq(nn.Module):
    def __init__(self, base, virtual_tokens=5):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.virtual_tokens = virtual_tokens
        self.prompt = PromptEncoder(virtual_tokens, base.config.d_model)

    def forward(self, input_ids, attention_mask, labels, decoder_attention_mask=None):
        rows = input_ids.size(0)
        prefix_mask = attention_mask.new_ones(rows, self.virtual_tokens)
        attention_mask = torch.cat([prefix_mask, attention_mask], dim=1)
        source = self.base.get_input_embeddings()(input_ids)
        return self.base(
            inputs_embeds=torch.cat([self.prompt(rows), source], dim=1), attention_mask=attention_mask,
            decoder_attention_mask=decoder_attention_mask, labels=labels,
        )


def collate(pairs):
    sources, targets = zip(*pairs)
    batch = {
        "input_ids": pad_sequence(sources, batch_first=True, padding_value=PAD),
        "labels": pad_sequence(targets, batch_first=True, padding_value=PAD),
    }
    batch["attention_mask"] = batch["input_ids"].ne(PAD).long()
    return batch


def complaints(count):
    gen = torch.Generator().manual_seed(4)
    draw = lambda n: torch.cat([torch.randint(4, 60, (n,), generator=gen), torch.tensor([END])])
    return [(draw(7 + i % 5), draw(3 + i % 3)) for i in range(count)]


def run_epoch(model, loader, optimizer=None):
    total = 0.0
    for batch in loader:
        if optimizer is None:
            batch["decoder_attention_mask"] = batch["labels"].ne(PAD).long()
        loss = model(**batch).loss
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item()
    return total / len(loader)


def main():
    torch.manual_seed(0)
    base = BartForConditionalGeneration(BartConfig(
        vocab_size=60, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=48, dropout=0.0,
        pad_token_id=PAD, bos_token_id=0, eos_token_id=END, decoder_start_token_id=START, forced_eos_token_id=None,
    ))
    model = PromptTunedSeq2Seq(base)
    optimizer = torch.optim.AdamW(model.prompt.parameters(), lr=1e-2)
    train = DataLoader(complaints(12), batch_size=4, collate_fn=collate)
    valid = DataLoader(complaints(4), batch_size=4, collate_fn=collate)
    for epoch in range(2):
        print(f"epoch {epoch} train {run_epoch(model, train, optimizer):.3f}")
        with torch.no_grad():
            print(f"epoch {epoch} eval  {run_epoch(model, valid):.3f}")


if __name__ == "__main__":
    main()

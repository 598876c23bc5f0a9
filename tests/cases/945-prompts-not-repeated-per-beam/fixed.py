"""Beam-search generator for prompted language models, with an offline evaluation loop."""
import torch
import torch.nn as nn
from transformers import GPT2Config, GPT2LMHeadModel

PAD, BOS, EOS = 1, 0, 2


def build_model():
    torch.manual_seed(3)
    config = GPT2Config(vocab_size=40, n_positions=64, n_embd=32, n_layer=2, n_head=4, initializer_range=0.3,
                        bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD)
    return GPT2LMHeadModel(config).eval()


class SequenceGenerator(nn.Module):
    def __init__(self, model, beam_size=1, max_len_b=6):
        super().__init__()
        self.model = model
        self.beam_size = beam_size
        self.max_len_b = max_len_b

    @torch.no_grad()
    def forward(self, sample):
        src_tokens = sample["net_input"]["src_tokens"]
        bsz, start_step = src_tokens.shape
        beam_size = self.beam_size
        max_len = start_step + self.max_len_b
        tokens = src_tokens.new_full((bsz * beam_size, max_len), PAD)
        tokens[:, :start_step] = src_tokens.repeat_interleave(beam_size, dim=0)
        scores = torch.full((bsz, beam_size), float("-inf"))
        scores[:, 0] = 0.0
        offsets = torch.arange(bsz).unsqueeze(1) * beam_size
        for step in range(start_step, max_len):
            logits = self.model(tokens[:, :step]).logits[:, -1]
            lprobs = torch.log_softmax(logits, dim=-1).view(bsz, beam_size, -1)
            vocab = lprobs.size(-1)
            total = (scores.unsqueeze(-1) + lprobs).view(bsz, -1)
            scores, picked = total.topk(beam_size, dim=-1)
            parents = (picked // vocab + offsets).view(-1)
            tokens = tokens.index_select(0, parents)
            tokens[:, step] = (picked % vocab).view(-1)
        return tokens.view(bsz, beam_size, -1), scores


class PromptDataset(torch.utils.data.Dataset):
    def __init__(self, count, length):
        gen = torch.Generator().manual_seed(0)
        self.rows = torch.randint(3, 40, (count, length), generator=gen)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]

    def collater(self, rows):
        return {"nsentences": len(rows), "net_input": {"src_tokens": torch.stack(rows)}}


def main():
    generator = SequenceGenerator(build_model(), beam_size=5)
    for batch_size in (1, 2):
        data = PromptDataset(4, 7)
        loader = torch.utils.data.DataLoader(data, batch_size=batch_size, collate_fn=data.collater)
        for sample in loader:
            hypos, scores = generator(sample)
            for hypo, score in zip(hypos, scores):
                print(batch_size, hypo[0, 7:].tolist(), round(score[0].item(), 3))


if __name__ == "__main__":
    main()

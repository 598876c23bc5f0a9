"""Experience generation for PPO: prompts go in as a batch, the actor writes the answers."""
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset
from transformers import LlamaConfig, LlamaForCausalLM

PAD, BOS, EOS = 0, 1, 2


class PromptDataset(Dataset):
    """Keeps the end of every prompt; rows are stored reversed so that cutting and padding share one side."""

    def __init__(self, prompts, max_len):
        self.rows = [torch.tensor([BOS] + p)[-max_len:].flip(0) for p in prompts]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


class DataCollatorRLHF:
    def __init__(self, max_len):
        self.max_len = max_len

    def __call__(self, rows):
        prompt = pad_sequence(rows, padding_value=PAD, batch_first=True)
        missing = self.max_len - prompt.size(1)
        if missing > 0:
            prompt = F.pad(prompt, pad=(missing, 0), mode="constant", value=PAD)
        prompt = prompt.flip(1)
        return {"prompt": prompt, "prompt_att_mask": prompt.ne(PAD).long()}


class Actor:
    def __init__(self):
        torch.manual_seed(4)
        self.model = LlamaForCausalLM(LlamaConfig(
            vocab_size=80, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=4, max_position_embeddings=128, initializer_range=0.4,
            pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS,
        )).eval()

    def answer(self, batch, length=6):
        width = batch["prompt"].size(1)
        with torch.no_grad():
            seq = self.model.generate(
                batch["prompt"], attention_mask=batch["prompt_att_mask"], max_new_tokens=length,
                min_new_tokens=length, do_sample=False,
            )
        return seq[:, width:]


def main():
    prompts = [
        [11, 52, 8, 33, 70, 19, 41],
        [23, 5, 64],
        [37, 37, 9, 12, 58],
        [71, 14, 29, 66, 20, 45],
    ]
    actor = Actor()
    loader = DataLoader(PromptDataset(prompts, max_len=12), batch_size=2, collate_fn=DataCollatorRLHF(max_len=12))
    for step, batch in enumerate(loader):
        for ids, answer in zip(batch["prompt"], actor.answer(batch)):
            print("step", step, [t for t in ids.tolist() if t != PAD], "->", answer.tolist())


if __name__ == "__main__":
    main()

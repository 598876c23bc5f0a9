"""Experience making for RLHF: sample answers for prompt batches and score them with the reference model."""
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset
from transformers import OPTConfig, OPTForCausalLM

PAD, BOS, EOS = 1, 0, 2


class PromptDataset(Dataset):
    def __init__(self, lengths=(4, 11, 7, 9), seed=3):
        gen = torch.Generator().manual_seed(seed)
        self.prompts = [torch.randint(3, 80, (n,), generator=gen) for n in lengths]

    def __len__(self):
        return len(self.prompts)

    def __getitem__(self, i):
        return torch.cat([torch.tensor([BOS]), self.prompts[i]])


class RLHFCollator:
    def __init__(self, pad_id):
        self.pad_id = pad_id

    def __call__(self, prompts):
        ids = pad_sequence(prompts, batch_first=True, padding_value=self.pad_id, padding_side="left")
        return {"prompt": ids, "prompt_att_mask": ids.ne(self.pad_id).long()}


def build(seed):
    torch.manual_seed(seed)
    return OPTForCausalLM(OPTConfig(
        vocab_size=80, hidden_size=32, word_embed_proj_dim=32, ffn_dim=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=64, dropout=0.0, init_std=0.4, pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS,
    )).eval()


class ExperienceMaker:
    def __init__(self, actor, reference, answer_length):
        self.actor, self.reference, self.answer_length = actor, reference, answer_length

    @torch.no_grad()
    def generate(self, batch):
        sequences = self.actor.generate(
            batch["prompt"], attention_mask=batch["prompt_att_mask"], do_sample=False,
            max_new_tokens=self.answer_length, min_new_tokens=self.answer_length,
        )
        answers = sequences[:, batch["prompt"].size(1):]
        mask = torch.cat([batch["prompt_att_mask"], torch.ones_like(answers)], dim=1)
        logits = self.reference(sequences, attention_mask=mask).logits[:, -self.answer_length - 1:-1]
        logprobs = logits.log_softmax(-1).gather(2, answers.unsqueeze(2)).squeeze(2)
        return answers, logprobs.sum(1)


if __name__ == "__main__":
    maker = ExperienceMaker(build(0), build(1), answer_length=6)
    loader = DataLoader(PromptDataset(), batch_size=2, collate_fn=RLHFCollator(PAD))
    for step, batch in enumerate(loader):
        answers, scores = maker.generate(batch)
        for answer, score in zip(answers.tolist(), scores.tolist()):
            print(f"step {step} reference logprob {score:8.3f} answer {answer}")

"""One policy-gradient step on sampled reasoning episodes, with a KL term to a frozen reference."""
import copy

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

HPARAMS = {"kl_coef": 0.01, "temperature": 0.9, "lr": 1e-4, "pad": 0, "group": 2}


def prepare_model_inputs(episodes, advantages, pad):
    width = max(len(q) + len(r) for q, r in episodes)
    batch = {"input_ids": [], "attention_mask": [], "labels": [], "advantages": []}
    for (query, response), advantage in zip(episodes, advantages):
        ids = query + response
        tail = width - len(ids)
        batch["input_ids"].append(ids + [pad] * tail)
        batch["attention_mask"].append([1] * len(ids) + [0] * tail)
        batch["labels"].append([-100] * len(query) + response + [-100] * tail)
        batch["advantages"].append([0.0] * len(query) + [advantage] * len(response) + [0.0] * tail)
    return {key: torch.tensor(value) for key, value in batch.items()}


def token_log_probs(model, batch, temperature):
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    shift_logits = logits[..., :-1, :] / temperature
    shift_labels = batch["labels"][..., 1:]
    mask = shift_labels.ne(-100)
    picked = shift_logits.log_softmax(-1).gather(2, shift_labels.clamp(min=0).unsqueeze(2)).squeeze(2)
    return picked * mask, mask


def compute_pg_loss(policy, reference, batch, hparams):
    log_probs, labels_mask = token_log_probs(policy, batch, hparams["temperature"])
    with torch.no_grad():
        ref_log_probs, _ = token_log_probs(reference, batch, hparams["temperature"])
    advantages = batch["advantages"][..., 1:]
    total = labels_mask.sum()
    gap = ref_log_probs - log_probs
    kl = (gap.exp() - gap - 1) * labels_mask
    zero_share = ((advantages.abs() < 1e-8) & labels_mask).sum() / total
    policy_loss = -(log_probs * advantages * labels_mask).sum() / total
    loss = policy_loss + hparams["kl_coef"] * kl.sum() / total
    return loss, {"zero_advantages": zero_share.item(), "policy_loss": policy_loss.item()}


def normalised(rewards, group):
    grouped = torch.tensor(rewards).view(-1, group)
    return ((grouped - grouped.mean(1, keepdim=True)) / (grouped.std(1, keepdim=True) + 1e-4)).flatten().tolist()


def main():
    torch.manual_seed(0)
    policy = Qwen2ForCausalLM(Qwen2Config(
        vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64,
    ))
    reference = copy.deepcopy(policy).eval()
    episodes = [([5, 6, 7, 8], [9, 10, 11]), ([5, 6, 7, 8], [12, 13, 14, 15, 16, 17, 18, 19]),
                ([20, 21, 22], [23, 24]), ([20, 21, 22], [25, 26, 27, 28])]
    batch = prepare_model_inputs(episodes, normalised([1.0, 0.0, 0.5, 0.5], HPARAMS["group"]), HPARAMS["pad"])
    optimizer = torch.optim.AdamW(policy.parameters(), lr=HPARAMS["lr"])
    loss, metrics = compute_pg_loss(policy, reference, batch, HPARAMS)
    loss.backward()
    optimizer.step()
    print({k: round(v, 4) for k, v in metrics.items()})


if __name__ == "__main__":
    main()

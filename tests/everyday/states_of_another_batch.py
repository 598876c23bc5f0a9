import torch
from transformers import MambaConfig, MambaForCausalLM

torch.set_num_threads(1)
torch.manual_seed(0)


class StreamScorer:
    """Reads documents token by token with the recurrent state, returns mean log-probs."""

    def __init__(self):
        cfg = MambaConfig(
            vocab_size=64,
            hidden_size=32,
            num_hidden_layers=2,
            state_size=8,
            expand=2,
            conv_kernel=4,
            use_mambapy=False,
            pad_token_id=0,
        )
        self.model = MambaForCausalLM(cfg).eval()
        self.state = None

    @torch.no_grad()
    def feed(self, column):
        out = self.model(input_ids=column, cache_params=self.state, use_cache=True)
        self.state = out.cache_params
        return out.logits[:, -1].log_softmax(-1)

    def score(self, batch):
        total = torch.zeros(batch.shape[0])
        logp = None
        for t in range(batch.shape[1]):
            column = batch[:, t : t + 1]
            if logp is not None:
                total += logp.gather(1, column).squeeze(1)
            logp = self.feed(column)
        return total / (batch.shape[1] - 1)


documents = torch.randint(1, 64, (10, 7))
scorer = StreamScorer()
scores = []
for text in documents.split(4):
    scores.append(scorer.score(text))
print(torch.cat(scores))

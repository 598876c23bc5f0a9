"""Image captioning: query embeddings of a picture are put before the words of a language model."""
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

QUERIES = 4
BOS, EOS = 1, 2


class QueryEncoder(nn.Module):
    """Learned queries look at the patches of the picture."""

    def __init__(self, width, patch=8):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, stride=patch)
        self.queries = nn.Parameter(torch.randn(1, QUERIES, width))
        self.attend = nn.MultiheadAttention(width, 4, batch_first=True)

    def forward(self, images):
        patches = self.patches(images).flatten(2).transpose(1, 2)
        queries = self.queries.expand(images.size(0), -1, -1)
        return self.attend(queries, patches, patches)[0]


class PrefixedLM(GPT2LMHeadModel):
    def forward(self, input_ids=None, query_embeds=None, attention_mask=None, return_dict=True, **kwargs):
        words = self.transformer.wte(input_ids)
        joined = torch.cat([query_embeds, words], dim=1)
        return super().forward(inputs_embeds=joined, use_cache=False, return_dict=return_dict)

    def prepare_inputs_for_generation(self, input_ids, query_embeds=None, **kwargs):
        return {"input_ids": input_ids, "query_embeds": query_embeds}


class Captioner(nn.Module):
    def __init__(self, width=48, vocab=60):
        super().__init__()
        self.encoder = QueryEncoder(width)
        self.decoder = PrefixedLM(GPT2Config(
            vocab_size=vocab, n_positions=64, n_embd=width, n_layer=2, n_head=4, initializer_range=0.3,
            bos_token_id=BOS, eos_token_id=EOS, pad_token_id=EOS,
        ))

    @torch.no_grad()
    def generate(self, samples, use_nucleus_sampling=False, num_beams=5, max_length=12, top_p=0.9):
        query_embeds = self.encoder(samples["image"])
        if use_nucleus_sampling:
            num_beams = 1
        else:
            query_embeds = query_embeds.repeat_interleave(num_beams, dim=0)
        start = torch.full((samples["image"].size(0), 1), BOS)
        out = self.decoder.generate(
            start, query_embeds=query_embeds, attention_mask=torch.ones_like(start), do_sample=use_nucleus_sampling,
            top_p=top_p if use_nucleus_sampling else None, num_beams=num_beams, max_length=max_length, use_cache=False,
        )
        return [[t for t in row if t not in (BOS, EOS)] for row in out.tolist()]


if __name__ == "__main__":
    torch.manual_seed(0)
    model = Captioner().eval()
    sample = {"image": torch.rand(1, 3, 32, 32)}
    print("nucleus", model.generate(sample, use_nucleus_sampling=True))
    print("beams  ", model.generate(sample))

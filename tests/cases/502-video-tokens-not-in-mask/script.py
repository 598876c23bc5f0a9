"""Video captioning: a BERT encoder reads caption words followed by the grid features of the clip."""
import argparse

import torch
from torch import nn
from transformers import BertConfig, BertModel

PAD, CLS, SEP, MASK = 0, 1, 2, 3


def parse_args(argv=()):
    parser = argparse.ArgumentParser()
    parser.add_argument("--max_seq_length", type=int, default=10)
    parser.add_argument("--max_img_seq_length", type=int, default=18)
    parser.add_argument("--num_frames", type=int, default=8)
    parser.add_argument("--img_res", type=int, default=32)
    parser.add_argument("--mask_prob", type=float, default=0.5)
    return parser.parse_args(argv)


class CaptionTensorizer:
    def __init__(self, args):
        self.args = args

    def __call__(self, words):
        width = self.args.max_seq_length
        ids = [CLS] + words[: width - 2] + [SEP]
        caption = torch.tensor(ids + [PAD] * (width - len(ids)))
        masked = (torch.rand(width) < self.args.mask_prob) & caption.gt(MASK)
        words_mask = torch.arange(width) < len(ids)
        img_mask = torch.ones(self.args.max_img_seq_length, dtype=torch.bool)
        return caption.masked_fill(masked, MASK), torch.cat([words_mask, img_mask]).long(), caption, masked


class VideoEncoder(nn.Module):
    """A strided 3-D convolution in place of the video backbone; one token per cell of its output."""

    def __init__(self, width):
        super().__init__()
        self.patches = nn.Conv3d(3, width, kernel_size=(2, 8, 8), stride=(2, 8, 8))

    def forward(self, clip):
        return self.patches(clip).flatten(2).transpose(1, 2)


class VideoCaptioner(nn.Module):
    def __init__(self, vocab=50, width=32):
        super().__init__()
        self.video = VideoEncoder(width)
        self.bert = BertModel(BertConfig(
            vocab_size=vocab, hidden_size=width, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
            max_position_embeddings=128,
        ), add_pooling_layer=False)
        self.head = nn.Linear(width, vocab)

    def forward(self, ids, attention_mask, clip):
        words = self.bert.embeddings.word_embeddings(ids)
        embeds = torch.cat([words, self.video(clip)], dim=1)
        hidden = self.bert(inputs_embeds=embeds, attention_mask=attention_mask).last_hidden_state
        return self.head(hidden[:, : ids.size(1)])


if __name__ == "__main__":
    torch.manual_seed(0)
    args = parse_args()
    tensorize, model = CaptionTensorizer(args), VideoCaptioner().eval()
    captions = [[11, 12, 13, 14], [21, 22, 23, 24, 25, 26]]
    ids, mask, target, masked = (torch.stack(parts) for parts in zip(*map(tensorize, captions)))
    print("captions", tuple(ids.shape), "masked words", int(masked.sum()))
    clips = torch.randn(len(captions), 3, args.num_frames, args.img_res, args.img_res)
    logits = model(ids, mask, clips)
    print("masked word loss %.3f" % nn.functional.cross_entropy(logits[masked], target[masked]).item())

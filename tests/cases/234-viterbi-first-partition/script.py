import torch
import torch.nn as nn

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


class CRF(nn.Module):
    def __init__(self, n_tags):
        super().__init__()
        self.start = nn.Parameter(torch.randn(n_tags))
        self.transitions = nn.Parameter(torch.randn(n_tags, n_tags))

    def viterbi(self, feats):
        batch, length, n_tags = feats.shape
        scores = feats.transpose(0, 1)
        partition = (scores[0] + self.start).view(batch, n_tags, 1)
        history, pointers = [partition], []
        for t in range(1, length):
            step = scores[t].unsqueeze(1) + self.transitions
            arriving = step + partition.reshape(batch, n_tags, 1)
            partition, best = arriving.max(dim=1)
            history.append(partition)
            pointers.append(best)
        history = torch.cat(history, dim=0).view(length, batch, n_tags)
        tag = history[-1].argmax(-1)
        path = [tag]
        for best in reversed(pointers):
            tag = best.gather(1, tag.unsqueeze(1)).squeeze(1)
            path.append(tag)
        return torch.stack(path[::-1], dim=1), history[-1].amax(-1)


class Tagger(nn.Module):
    def __init__(self, vocab, dim=16):
        super().__init__()
        self.words = nn.Embedding(vocab, dim)
        self.lstm = nn.LSTM(dim, dim // 2, bidirectional=True, batch_first=True)
        self.emit = nn.Linear(dim, len(TAGS))
        self.crf = CRF(len(TAGS))

    @torch.no_grad()
    def decode(self, ids):
        hidden, _ = self.lstm(self.words(ids))
        return self.crf.viterbi(self.emit(hidden))


def main():
    torch.manual_seed(4)
    words = {w: i for i, w in enumerate("john lives in new york mary left rome today".split())}
    tagger = Tagger(len(words)).eval()
    sentences = ["john lives in rome today", "mary left new york today"]
    ids = torch.tensor([[words[w] for w in s.split()] for s in sentences])
    paths, scores = tagger.decode(ids)
    for sentence, path, score in zip(sentences, paths.tolist(), scores.tolist()):
        print(sentence, [TAGS[t] for t in path], round(score, 3))


if __name__ == "__main__":
    main()

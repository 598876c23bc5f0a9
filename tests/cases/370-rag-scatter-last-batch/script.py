import socket
from datetime import timedelta

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F

WORLD, N_DOCS, WIDTH = 2, 3, 16
TURNS = [4, 4, 4, 3]


class Index:
    """All passage vectors; only the main worker keeps them in memory."""

    def __init__(self, passages=40):
        gen = torch.Generator().manual_seed(7)
        self.vectors = F.normalize(torch.randn(passages, WIDTH, generator=gen), dim=-1)

    def search(self, queries, n_docs):
        ids = (queries @ self.vectors.T).topk(n_docs, dim=-1).indices
        return ids, self.vectors[ids]


class DistributedRetriever:
    def __init__(self, rank):
        self.rank = rank
        self.index = Index() if self._is_main() else None

    def _is_main(self):
        return self.rank == 0

    def _scattered(self, scatter_list, shape, dtype=torch.float32):
        target = torch.empty(shape, dtype=dtype)
        dist.scatter(target, scatter_list=scatter_list, src=0)
        return target

    def _chunk(self, tensor, rows):
        return list(tensor.split(rows)) if self._is_main() else None

    def _gather_queries(self, hidden):
        gathered = [None] * WORLD if self._is_main() else None
        dist.gather_object(hidden, gathered, dst=0)
        return torch.cat(gathered) if self._is_main() else None

    def retrieve(self, hidden, n_docs):
        n_queries = hidden.shape[0]
        everything = self._gather_queries(hidden)
        ids = vectors = None
        if self._is_main():
            ids, vectors = self.index.search(everything, n_docs)
        doc_ids = self._scattered(self._chunk(ids, n_queries), [n_queries, n_docs], torch.int64)
        doc_vectors = self._scattered(self._chunk(vectors, n_queries), [n_queries, n_docs, WIDTH])
        return doc_ids, doc_vectors


def dialogue_batches(rank):
    gen = torch.Generator().manual_seed(rank)
    sizes = TURNS[rank::WORLD]
    for size in sizes:
        yield torch.randn(size, WIDTH, generator=gen)


def finetune(rank, port):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=WORLD,
                            timeout=timedelta(seconds=10))
    torch.manual_seed(0)
    encoder = torch.nn.Linear(WIDTH, WIDTH)
    retriever = DistributedRetriever(rank)
    for step, questions in enumerate(dialogue_batches(rank)):
        hidden = F.normalize(encoder(questions), dim=-1)
        doc_ids, doc_vectors = retriever.retrieve(hidden.detach(), N_DOCS)
        doc_scores = torch.einsum("qw,qdw->qd", hidden, doc_vectors)
        if rank == 0:
            print(f"step {step} docs {tuple(doc_ids.shape)} score {doc_scores.mean().item():.4f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    mp.spawn(finetune, args=(port,), nprocs=WORLD)

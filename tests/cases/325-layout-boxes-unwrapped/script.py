"""Reading order of text blocks: every block is a token, the model scores its rank."""
import torch
from transformers import LayoutLMv3Config, LayoutLMv3ForTokenClassification

CLS, PAD, EOS, UNK = 0, 1, 2, 3
MAX_LEN = 30


def build_model():
    torch.manual_seed(0)
    config = LayoutLMv3Config(
        vocab_size=8, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64, max_2d_position_embeddings=1024, coordinate_size=6, shape_size=4,
        visual_embed=False, num_labels=MAX_LEN, rel_pos_bins=8, rel_2d_pos_bins=8,
    )
    return LayoutLMv3ForTokenClassification(config).eval()


def normalize(box, width, height):
    x0, y0, x1, y1 = box
    return [1000 * x0 // width, 1000 * y0 // height, 1000 * x1 // width, 1000 * y1 // height]


def with_special(tokens, first, last):
    return [first, *tokens, last]


def boxes2inputs(boxes):
    ids = with_special([UNK] * len(boxes), CLS, EOS)
    bbox = [list(map(int, box)) for box in boxes]
    return {
        "input_ids": torch.tensor([ids]),
        "attention_mask": torch.ones(1, len(ids), dtype=torch.long),
        "bbox": torch.tensor([bbox]),
    }


def parse_logits(logits, length):
    """Greedy, conflict-free assignment of a rank to every block."""
    scores = logits[1:length + 1, :length]
    order, taken = [], set()
    for row in scores.argsort(dim=1, descending=True).tolist():
        rank = next(r for r in row if r not in taken)
        taken.add(rank)
        order.append(rank)
    return order


class LayoutReader:
    def __init__(self, page_size):
        self.page_size = page_size
        self.model = build_model()

    @torch.no_grad()
    def __call__(self, blocks):
        boxes = [normalize(b, *self.page_size) for b in blocks]
        logits = self.model(**boxes2inputs(boxes)).logits.squeeze(0)
        return parse_logits(logits, len(boxes))


if __name__ == "__main__":
    page = [
        (72, 110, 570, 370), (74, 107, 198, 268), (75, 415, 308, 728), (75, 87, 139, 95), (75, 107, 197, 265),
        (296, 374, 526, 386), (331, 415, 565, 728), (523, 749, 565, 758), (500, 749, 560, 758),
    ]
    reader = LayoutReader(page_size=(800, 760))
    print("blocks", len(page))
    order = reader(page)
    print("order", order)
    print("first block", page[order.index(0)])

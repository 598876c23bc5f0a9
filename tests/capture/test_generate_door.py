"""The door of ``generate``: ids beyond the embedding are named before a GPU looks them up; the rest is looked at once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import shapeguard
from shapeguard.analysis.preflight.door import pipeline_of
from shapeguard.capture.preflight import ids as ids_check
from shapeguard.values.findings import Finding
from tests.healthy.tiny_models import llama, tokenizer

BEYOND = torch.tensor([[5, 24], [6, 7]])  # the embedding has 24 rows
SOUND = torch.tensor([[5, 23], [6, 7]])


@pytest.fixture
def cpu_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU stands in for a device on which a lookup out of range is an assertion."""
    monkeypatch.setattr(ids_check, "POISONED", {"cpu"})


class _Count(TorchDispatchMode):
    """Counts the operations that reach a device, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


def _forwards(model: Any) -> list[str]:
    calls: list[str] = []
    model.register_forward_pre_hook(lambda module, args: calls.append(type(module).__name__))
    return calls


def _generated(model: Any, ids: torch.Tensor, **more: Any) -> torch.Tensor:
    result: torch.Tensor = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=2, do_sample=False, **more
    )
    return result


def _first(guard: shapeguard.Guard) -> Finding:
    return guard.report.findings[0]


@pytest.mark.usefixtures("cpu_dies")
def test_an_id_beyond_the_embedding_is_named_before_the_model_runs() -> None:
    model = llama()
    calls = _forwards(model)
    guard = shapeguard.guard()
    with pytest.raises(IndexError, match=r"token id 24 .* 24 rows \(ids 0 to 23\).*before the model ran"), guard:
        _generated(model, BEYOND)
    assert calls == []
    finding = _first(guard)
    assert (finding.code, finding.severity) == ("SG104", "error")
    assert finding.mismatch is not None
    assert finding.mismatch.sizes == (24, 24)
    assert finding.failed_at is not None
    assert "model.generate(" in finding.failed_at.source
    assert guard.report.run.notes == ()
    _generated(model, SOUND)  # nothing is poisoned


@pytest.mark.usefixtures("cpu_dies")
def test_the_line_that_added_the_token_is_where_to_change() -> None:
    words, model, guard = tokenizer(padding_side="left"), llama(), shapeguard.guard()

    def extend_and_generate() -> None:
        words.add_tokens([f"extra{number}" for number in range(20)])
        batch = words(["extra19"], return_tensors="pt", return_token_type_ids=False)
        model.generate(**batch, max_new_tokens=2)

    with pytest.raises(IndexError), guard:
        extend_and_generate()
    finding = _first(guard)
    assert finding.code == "SG104"
    assert finding.location is not None
    assert "add_tokens" in finding.location.source


@pytest.mark.usefixtures("cpu_dies")
def test_negative_ids_are_named_too() -> None:
    guard = shapeguard.guard()
    with pytest.raises(IndexError, match="token id -100"), guard:
        _generated(llama(), torch.tensor([[5, -100]]))
    assert "Replace the ignored positions" in (_first(guard).fix or pytest.fail("no fix")).summary


def test_on_the_cpu_the_exception_stays_the_programs_own() -> None:
    with pytest.raises(IndexError) as bare:
        _generated(llama(), BEYOND)
    guard = shapeguard.guard()
    with pytest.raises(IndexError) as guarded, guard:
        _generated(llama(), BEYOND)
    assert str(guarded.value) == str(bare.value)
    assert _first(guard).code == "SG104"


@pytest.mark.usefixtures("cpu_dies")
def test_what_takes_the_ids_place_is_left_alone() -> None:
    model = llama()
    embeds = model.get_input_embeddings()(SOUND)
    with shapeguard.guard():
        model.generate(inputs_embeds=embeds, attention_mask=torch.ones(2, 2).long(), max_new_tokens=2)
    assert ids_check.doomed(model, {"pixel_values": torch.zeros(1)}, (0, 24), 24) == ""
    assert ids_check.doomed(model, {"inputs_embeds": embeds}, (0, 24), 24) == ""
    assert ids_check.doomed(model, {}, (0, 23), 24) == ""
    assert ids_check.doomed(model, {}, (0, 24), 24) != ""


def test_it_is_one_reduction_for_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    reductions: list[tuple[int, ...]] = []
    aminmax = torch.aminmax

    def counted(ids: torch.Tensor) -> Any:
        reductions.append(tuple(ids.shape))
        return aminmax(ids)

    monkeypatch.setattr(torch, "aminmax", counted)
    with shapeguard.guard():
        _generated(llama(), SOUND)
    assert reductions == [(2, 2)]


def test_the_reduction_is_not_seen() -> None:
    with _Count() as count:
        assert ids_check.extremes(BEYOND) == (5, 24)
    assert count.seen == []
    assert ids_check.extremes(torch.empty(1, 2, device="meta", dtype=torch.long)) is None
    assert ids_check.extremes(torch.zeros(1, 2)) is None
    assert ids_check.extremes(torch.empty(1, 0, dtype=torch.long)) is None


def test_the_call_is_the_same_with_and_without() -> None:
    bare = _generated(llama(), SOUND)
    with _Count() as without:
        _generated(llama(), SOUND)
    with shapeguard.guard(level="boundary"), _Count() as within:
        watched = _generated(llama(), SOUND)
    assert torch.equal(bare, watched)
    assert sorted(within.seen) == sorted(without.seen)


def test_what_is_really_passed_is_looked_at() -> None:
    batch = tokenizer()(["a fox sat", "moon"], padding=True, return_tensors="pt", return_token_type_ids=False)
    with shapeguard.guard() as guard:
        llama().generate(**batch, max_new_tokens=200, min_new_tokens=2, num_beams=2)
    (row,) = [row for row in guard.recording.rows if row.kind == "generate"]
    pipeline = pipeline_of(row)
    assert pipeline is not None
    assert pipeline.batch is not None
    assert (pipeline.batch.lengths, pipeline.batch.side, pipeline.model.rows) == ((3, 1), "right", 24)
    assert (pipeline.settings.max_new_tokens, pipeline.settings.num_beams) == (200, 2)
    assert {"SG101", "SG106"} <= {finding.code for finding in guard.report.findings}


def test_each_code_is_told_once_a_call() -> None:
    model, batch = (
        llama(),
        {"input_ids": torch.tensor([[5, 6], [0, 7]]), "attention_mask": torch.tensor([[1, 1], [1, 1]])},
    )
    with shapeguard.guard() as guard:
        for _ in range(3):
            model.generate(**batch, max_new_tokens=1)
    assert [finding.code for finding in guard.report.findings].count("SG103") == 1


def test_facts_of_a_loop_fold_into_one_row() -> None:
    model = llama()
    with shapeguard.guard(level="boundary") as guard:
        for length in range(2, 12):
            model.generate(torch.full((1, length), 5), attention_mask=torch.ones(1, length).long(), max_new_tokens=1)
    assert [row.count for row in guard.recording.rows if row.kind == "generate"] == [10]


def _answered(prompts: list[torch.Tensor], continued: bool) -> list[str]:
    """Codes told of generations on one cache, each given its prompt alone or behind all that was said before."""
    model = llama()
    cache, said = None, torch.zeros(1, 0, dtype=torch.long)
    guard = shapeguard.guard()
    with guard:
        for prompt in prompts:
            said = torch.cat([said, prompt], dim=1) if continued else prompt
            made = model.generate(
                said,
                attention_mask=torch.ones_like(said),
                past_key_values=cache,
                max_new_tokens=3,
                min_new_tokens=3,
                return_dict_in_generate=True,
            )
            cache, said = made.past_key_values, made.sequences
    return [finding.code for finding in guard.report.findings if finding.severity.value == "error"]


def test_a_cache_of_another_text_is_named() -> None:
    prompts = [torch.tensor([[5, 6, 7]]), torch.tensor([[5, 9, 8, 7, 6, 5, 4, 3, 4, 5]])]
    assert _answered(prompts, continued=False) == ["SG306"]


def test_a_conversation_goes_on_with_its_cache() -> None:
    prompts = [torch.tensor([[5, 6, 7]]), torch.tensor([[9, 8, 7]]), torch.tensor([[3]])]
    assert _answered(prompts, continued=True) == []


def test_of_a_cache_that_was_changed_since_nothing_is_known() -> None:
    model = llama()
    first, other = torch.tensor([[5, 6, 7]]), torch.tensor([[5, 6, 9, 8, 7]])
    guard = shapeguard.guard()
    with guard, torch.no_grad():
        made = model.generate(
            first, attention_mask=torch.ones_like(first), max_new_tokens=3, return_dict_in_generate=True
        )
        cache = made.past_key_values
        cache.crop(2 - cache.get_seq_length())
        model(other[:, 2:4], past_key_values=cache, use_cache=True)
        model.generate(other, attention_mask=torch.ones_like(other), past_key_values=cache, max_new_tokens=2)
    assert [finding.code for finding in guard.report.findings if finding.severity.value == "error"] == []

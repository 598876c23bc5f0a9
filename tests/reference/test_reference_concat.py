"""``safe_cat`` and ``safe_stack``: torch's own result where shapes fit; named, cut aloud or padded where they do not."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shapeguard import LossyConcatWarning, ShapeguardError, ShapeMismatchError, safe_cat, safe_stack
from shapeguard.errors import UsageError

DTYPES = [torch.float32, torch.bfloat16, torch.int64, torch.uint8, torch.bool, torch.complex64, torch.float8_e4m3fn]


def ids(*shape: int) -> torch.Tensor:
    """Whole numbers counted from 1: token ids, (batch, seq)."""
    return torch.arange(1, 1 + torch.Size(shape).numel()).view(shape)


@st.composite
def fitting(draw: st.DrawFn, stacked: bool) -> tuple[list[torch.Tensor], int]:
    """Tensors of any rank, dtype and stride that can be joined, and the dimension they are joined along."""
    shape = draw(st.lists(st.integers(0, 4), min_size=0 if stacked else 1, max_size=5))
    dim = draw(st.integers(-len(shape) - stacked, len(shape) - 1 + stacked))
    tensors = []
    for _ in range(draw(st.integers(1, 4))):
        size = list(shape)
        if not stacked:
            size[dim] = draw(st.integers(0, 4))
        values = torch.randint(0, 2, size[::-1], generator=torch.Generator().manual_seed(draw(st.integers(0, 99))))
        tensor = values.permute(list(range(len(size)))[::-1]) if draw(st.booleans()) else values.reshape(size)
        tensors.append(tensor.to(draw(st.sampled_from(DTYPES[:-1]))))
    return tensors, dim


def same(left: torch.Tensor, right: torch.Tensor) -> bool:
    """Bit for bit, shape, dtype and strides included."""
    if (left.shape, left.dtype, left.stride()) != (right.shape, right.dtype, right.stride()):
        return False
    return torch.equal(left, right)


@settings(max_examples=200, deadline=None)
@given(fitting(stacked=False), st.sampled_from(["raise", "clamp", "pad"]))
def test_where_shapes_fit_it_is_torch_cat(case: tuple[list[torch.Tensor], int], on_mismatch: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result, kept = safe_cat(*case, on_mismatch=on_mismatch, return_kept=True)
    assert same(result, torch.cat(*case))
    assert kept.rows == kept.of == tuple(len(tensor) for tensor in case[0])
    assert kept.cuts == ()


@settings(max_examples=100, deadline=None)
@given(fitting(stacked=True), st.sampled_from(["raise", "clamp", "pad"]))
def test_where_shapes_fit_it_is_torch_stack(case: tuple[list[torch.Tensor], int], on_mismatch: Any) -> None:
    assert same(safe_stack(*case, on_mismatch=on_mismatch), torch.stack(*case))


@pytest.mark.parametrize(
    "tensors",
    [[], [torch.tensor(1)], [1, 2], torch.ones(2, 2), [torch.ones(2), torch.ones(2, device="meta"), None]],
    ids=["none", "scalar", "numbers", "a tensor", "no tensor among them"],
)
def test_what_torch_refuses_is_refused_by_torch(tensors: Any) -> None:
    with pytest.raises(Exception) as by_torch:  # noqa: PT011
        torch.cat(tensors, 0)
    with pytest.raises(type(by_torch.value)) as by_us:
        safe_cat(tensors, 0)
    assert str(by_us.value) == str(by_torch.value)


def test_a_dimension_that_is_none_is_torchs_index_error() -> None:
    with pytest.raises(IndexError, match="Dimension out of range"):
        safe_cat([ids(2, 3), ids(2, 3)], 2)


def test_an_empty_tensor_of_rank_one_fits_everything() -> None:
    tensors = [torch.tensor([]), ids(2, 3), ids(2, 3)]
    assert same(safe_cat(tensors, 1), torch.cat(tensors, 1))
    with pytest.warns(LossyConcatWarning):
        result, kept = safe_cat([torch.tensor([]), ids(4, 3), ids(2, 3)], 1, on_mismatch="clamp", return_kept=True)
    assert (result.shape, result.dtype) == ((2, 6), torch.float32)
    assert (kept.rows, kept.of) == ((0, 2, 2), (0, 4, 2))


def test_the_error_names_operand_dimension_and_sizes() -> None:
    with pytest.raises(ShapeMismatchError) as caught:
        safe_cat([ids(4, 16), ids(4, 1), ids(3, 1)], dim=-1, names=["past", "new", "late"])
    error = caught.value
    assert str(error).startswith(
        "safe_cat along dim -1: expected 4 in dim 0 (batch) as in past (4, 16), got 3 in late (3, 1); "
    )
    assert (error.operands, error.dim, error.sizes) == (("past", "late"), 0, (4, 3))
    assert isinstance(error, RuntimeError), "who catches what torch.cat raises catches this too"
    assert isinstance(error, ShapeguardError)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.operands, copy.sizes) == (str(error), error.operands, error.sizes)


def test_the_odd_one_is_the_one_that_differs_from_most() -> None:
    with pytest.raises(ShapeMismatchError, match=r"as in tensors\[1\] \(3, 2\), got 4 in tensors\[0\] \(4, 2\)"):
        safe_cat([ids(4, 2), ids(3, 2), ids(3, 2)], 1)


@pytest.mark.parametrize("on_mismatch", ["raise", "clamp", "pad"])
def test_ranks_are_never_made_to_fit(on_mismatch: Any) -> None:
    with pytest.raises(ShapeMismatchError, match=r"expected 2 dimensions as in .*, got 1 in .*unsqueeze") as caught:
        safe_cat([ids(2, 3), ids(3)], 0, on_mismatch=on_mismatch)
    assert (caught.value.dim, caught.value.sizes) == (None, (2, 1))


def test_clamp_keeps_the_common_rows_and_says_so() -> None:
    past, new = ids(4, 2), ids(3, 1)
    with pytest.warns(LossyConcatWarning) as caught:
        result, kept = safe_cat([past, new], 1, on_mismatch="clamp", names=["past", "new"], return_kept=True)
    assert torch.equal(result, torch.cat([past[:3], new], 1))
    assert (kept.rows, kept.of) == ((3, 3), (4, 3))
    assert [tuple(cut) for cut in kept.cuts] == [("past", 0, "batch", 4, 3)]
    assert str(caught[0].message) == "safe_cat along dim 1: past keeps 3 of 4 in dim 0 (batch); the rest is cut off"
    assert caught[0].filename == __file__


def test_clamp_cuts_positions_of_keys_but_no_heads() -> None:
    with pytest.warns(LossyConcatWarning, match=r"3 of 4 in dim 0 \(batch\).*5 of 7 in dim 2 \(seq\)"):
        result = safe_cat([torch.ones(4, 2, 7, 8), torch.ones(3, 2, 5, 8)], 1, on_mismatch="clamp")
    assert result.shape == (3, 4, 5, 8)
    for shape in ((4, 3, 7, 8), (4, 2, 7, 4)):
        with pytest.raises(ShapeMismatchError, match="a feature dimension is never cut"):
            safe_cat([torch.ones(4, 2, 7, 8), torch.ones(*shape)], 2, on_mismatch="clamp")


def test_what_the_dimensions_are_can_be_said() -> None:
    waves = [torch.ones(2, 9), torch.ones(2, 7)]
    with pytest.raises(ShapeMismatchError, match="feature"):
        safe_cat(waves, 0, on_mismatch="clamp")
    with pytest.warns(LossyConcatWarning, match="time"):
        assert safe_cat(waves, 0, on_mismatch="clamp", dims=("batch", "time")).shape == (4, 7)
    with pytest.raises(ShapeMismatchError, match=r"\(channel\)"):
        safe_cat([ids(2, 9), ids(2, 7)], 0, on_mismatch="clamp", dims=("batch", "channel"))


def test_more_than_a_share_is_not_cut() -> None:
    operands = [ids(4, 2), ids(3, 2)]
    with pytest.warns(LossyConcatWarning):
        safe_cat(operands, 1, on_mismatch="clamp", max_cut=0.25)
    with pytest.raises(ShapeMismatchError, match=r"keeps 3 of 4 .* more cut off than max_cut=0.2"):
        safe_cat(operands, 1, on_mismatch="clamp", max_cut=0.2)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_pad_extends_at_the_end(dtype: torch.dtype) -> None:
    large, small = ids(3, 1).to(dtype), ids(2, 1).to(dtype)
    result, kept = safe_cat([large, small], 1, on_mismatch="pad", pad_value=1, return_kept=True)
    assert result.dtype == dtype
    assert torch.equal(result[:2, 1].to(torch.complex64), small[:, 0].to(torch.complex64))
    assert result[2, 1].to(torch.complex64) == 1
    assert (kept.rows, kept.of, kept.cuts) == ((3, 2), (3, 2), ())


@pytest.mark.parametrize(
    ("dtype", "value"), [(torch.int64, 0.5), (torch.uint8, -100), (torch.bool, 2), (torch.float32, 1j)], ids=str
)
def test_a_pad_value_that_would_be_changed_is_refused(dtype: torch.dtype, value: Any) -> None:
    with pytest.raises(UsageError, match="pad_value"):
        safe_cat([ids(3, 1).to(dtype), ids(2, 1).to(dtype)], 1, on_mismatch="pad", pad_value=value)


def test_stack_clamps_and_pads() -> None:
    with pytest.warns(LossyConcatWarning):
        result, kept = safe_stack([ids(4), ids(3)], 1, on_mismatch="clamp", return_kept=True)
    assert result.tolist() == [[1, 1], [2, 2], [3, 3]]
    assert (kept.rows, kept.of) == ((3, 3), (4, 3))
    assert safe_stack([ids(2), ids(3)], on_mismatch="pad", pad_value=-100).tolist() == [[1, 2, -100], [1, 2, 3]]
    with pytest.raises(ShapeMismatchError, match="safe_stack along dim 0"):
        safe_stack([ids(2), ids(3)])


_NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.parametrize("device", ["meta", pytest.param("cuda", marks=[pytest.mark.gpu, _NO_GPU])])
def test_any_device(device: str) -> None:
    operands = [torch.ones(4, 2, 8, device=device), torch.ones(3, 2, 8, device=device)]
    with pytest.warns(LossyConcatWarning):
        result = safe_cat(operands, 2, on_mismatch="clamp")
    assert (result.shape, result.device.type) == ((3, 2, 16), device)
    assert safe_cat(operands, 2, on_mismatch="pad").shape == (4, 2, 16)


def test_gradients_flow_to_what_was_kept() -> None:
    large, small = torch.ones(3, 2, 4, requires_grad=True), torch.ones(2, 2, 4, requires_grad=True)
    with pytest.warns(LossyConcatWarning):
        safe_cat([large, small], 1, on_mismatch="clamp").sum().backward()
    assert large.grad is not None
    assert large.grad[:, 0, 0].tolist() == [1, 1, 0]
    safe_cat([large, small], 1, on_mismatch="pad").sum().backward()
    assert small.grad is not None
    assert torch.equal(small.grad, torch.full((2, 2, 4), 2.0))


@pytest.mark.parametrize("dynamic", [False, True])
def test_it_compiles_without_a_break(dynamic: bool) -> None:
    def both(left: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        cut = safe_cat([left, right], 1, on_mismatch="clamp")
        return cut, safe_stack([left, right], on_mismatch="pad")

    torch._dynamo.reset()
    compiled = torch.compile(both, fullgraph=True, backend="eager", dynamic=dynamic)
    told = []
    for rows in (4, 3, 3):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            cut, padded = compiled(ids(4, 2), ids(rows, 2))
        assert (cut.shape, padded.shape) == ((rows, 4), (2, 4, 2))
        told.append(sum(warning.category is LossyConcatWarning for warning in caught))
    assert told == [0, 1, 0], "once for each compiled shape"
    with pytest.raises(ShapeMismatchError):
        torch.compile(lambda: safe_cat([ids(4, 2), ids(3, 2)], 1), backend="eager")()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"on_mismatch": "cut"}, "on_mismatch"),
        ({"max_cut": 1.5}, "max_cut"),
        ({"names": ["one"]}, "names: expected 2"),
        ({"dims": ["batch"]}, "dims: expected 2"),
    ],
)
def test_bad_keywords_are_named(options: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        safe_cat([ids(2, 1), ids(2, 1)], 1, **options)


def test_it_needs_no_transformers() -> None:
    code = "import sys, torch, shapeguard; shapeguard.safe_cat([torch.ones(1)]); print('transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

"""The patient is untouched: what a program computes is the same, bit for bit, with and without a guard."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._C import _get_function_stack_at, _len_torch_function_stack
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import shapeguard


def same(one: Any, other: Any) -> bool:
    """Equal in every bit, type, dtype, device and way of differentiation."""
    if isinstance(one, torch.Tensor):
        alike = (type(one), one.dtype, one.device, one.shape) == (type(other), other.dtype, other.device, other.shape)
        return alike and type(one.grad_fn) is type(other.grad_fn) and (one.is_meta or torch.equal(one, other))
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def outcome(program: Callable[[], Any]) -> tuple[Any, torch.Tensor]:
    """What a program gives, or how it fails, from a fixed seed; and the generator's state after it."""
    torch.manual_seed(0)
    try:
        result = program()
    except Exception as error:
        result = (type(error), str(error))
    return result, torch.get_rng_state()


def assert_untouched(program: Callable[[], Any], level: str, rows: bool = True) -> None:
    """The program under a guard of this level does what it does without; something was recorded where it may be."""
    wanted, state = outcome(program)
    with shapeguard.guard(level) as guard:  # type: ignore[arg-type]
        got, state_after = outcome(program)
    assert same(wanted, got)
    assert torch.equal(state, state_after)
    assert guard.recording.notes == []
    if rows and level != "crash":
        assert guard.recording.rows


# -- generation --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("sampled", [False, True])
def test_generate(level: str, tiny: Any, tokenizer: Any, sampled: bool, implementation: str) -> None:
    batch = tokenizer(["The capital of France is", "two plus three"], padding=True, return_tensors="pt")
    tiny.set_attn_implementation(implementation)

    def program() -> Any:
        ids = tiny.generate(**batch, max_new_tokens=12, do_sample=sampled, top_k=20, pad_token_id=0)
        return [ids, tiny(ids).logits.detach()]

    assert_untouched(program, level)


@pytest.mark.parametrize(
    "settings", [{"num_beams": 3}, {"num_beams": 2, "do_sample": True}, {"cache_implementation": "static"}]
)
def test_beams_and_static_cache(watching: str, tiny: Any, tokenizer: Any, settings: dict[str, Any]) -> None:
    batch = tokenizer(["The capital of France is", "two plus three"], padding=True, return_tensors="pt")
    settings = {"disable_compile": True, **settings}
    assert_untouched(lambda: tiny.generate(**batch, max_new_tokens=8, pad_token_id=0, **settings), watching)


# -- training ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW, torch.optim.RMSprop])
def test_training_step(level: str, optimizer: Any) -> None:
    def program() -> Any:
        model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
        stepper = optimizer(model.parameters(), 1e-2)
        for _ in range(3):
            stepper.zero_grad()
            loss = F.cross_entropy(model(torch.randn(5, 4)), torch.randint(0, 2, (5,)))
            loss.backward()
            stepper.step()
        return [value for p in model.parameters() for value in (p.detach(), p.grad)] + [loss]

    assert_untouched(program, level)


def test_closure_of_an_optimizer(watching: str) -> None:
    def program() -> Any:
        model = nn.Linear(4, 2)
        stepper = torch.optim.LBFGS(model.parameters(), max_iter=4)
        data, target = torch.randn(5, 4), torch.randn(5, 2)

        def closure() -> torch.Tensor:
            stepper.zero_grad()
            loss = F.mse_loss(model(data), target)
            loss.backward()
            return loss

        return [stepper.step(closure).detach(), model.weight.detach()]

    assert_untouched(program, watching)


def test_autograd_graph(level: str) -> None:
    def names(node: Any) -> Any:
        return (node.name(), [names(child) for child, _ in node.next_functions if child is not None])

    def program() -> Any:
        a = torch.randn(2, 3, requires_grad=True)
        b = torch.stack([torch.cat([a, a]).relu() @ torch.randn(3, 3)])
        return names(F.scaled_dot_product_attention(b, b, b).grad_fn)

    assert_untouched(program, level)


# -- fast paths --------------------------------------------------------------------------------------------------------


def padded() -> tuple[torch.Tensor, torch.Tensor]:
    """(batch 3, seq 5, 16) and its key padding mask."""
    mask = torch.zeros(3, 5, dtype=torch.bool)
    mask[1, 3:] = True
    return torch.randn(3, 5, 16), mask


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_multihead_attention(level: str, masked: bool, training: bool) -> None:
    def program() -> Any:
        attention = nn.MultiheadAttention(16, 4, batch_first=True).train(training)
        x, mask = padded()
        with torch.no_grad():
            return attention(x, x, x, key_padding_mask=mask if masked else None, need_weights=False)

    assert_untouched(program, level)


class Custom(nn.TransformerEncoderLayer):
    """A user's layer on top of torch's: it calls the library's forward past the gate at the module call."""

    def forward(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        return super().forward(*args, **kwargs) * 1.5


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("layer", [nn.TransformerEncoderLayer, Custom])
def test_encoder(level: str, layer: Any) -> None:
    def program() -> Any:
        encoder = nn.TransformerEncoder(layer(16, 4, 32, batch_first=True), 2).eval()
        x, mask = padded()
        with torch.no_grad():
            return encoder(x, src_key_padding_mask=mask)

    assert_untouched(program, level)


def test_message_of_an_attention_error(level: str) -> None:
    def program() -> Any:
        attention = nn.MultiheadAttention(16, 4, batch_first=True).eval()
        with torch.no_grad():
            return attention(torch.randn(3, 5, 16), torch.randn(2, 5, 16), torch.randn(3, 5, 16))

    assert_untouched(program, level)


# -- modes and devices -------------------------------------------------------------------------------------------------


class Names(TorchFunctionMode):
    """Somebody else's mode: notes what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(f"{getattr(func, '__name__', '?')} {func is torch.cat}")
        return func(*args, **(kwargs or {}))


class Kernels(TorchDispatchMode):
    """Somebody else's dispatch mode."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


def test_other_modes_see_what_they_would(level: str) -> None:
    def program() -> Any:
        with Names() as names, Kernels() as kernels:
            x = torch.cat([torch.ones(2, 2)] * 2)
            nn.LSTM(2, 2)(nn.Linear(2, 2)(x))
            torch.stack([x, x])
        return [names.seen, kernels.seen]

    assert_untouched(program, level)


def stack() -> list[Any]:
    """The thread's function modes."""
    return [_get_function_stack_at(i) for i in range(_len_torch_function_stack())]


@pytest.mark.parametrize("inner", [torch.device("meta"), Names()])
@pytest.mark.parametrize("outer", [torch.device("meta"), Names()])
def test_stack_of_modes(watching: str, outer: Any, inner: Any) -> None:
    assert stack() == []
    with outer:
        before = stack()
        guard = shapeguard.guard(watching)  # type: ignore[arg-type]
        guard.__enter__()
        try:
            with inner:
                assert nn.Linear(2, 3)(torch.ones(4, 2)).shape == (4, 3)
                within = [mode for mode in stack() if type(mode).__name__ != "OpsMode"]
                assert len(within) >= 1
                guard.__exit__(None, None, None)  # closed inside a context that was opened after it
                assert stack() == within
        finally:
            guard.close("completed")
        assert stack() == before
    assert stack() == []


@pytest.mark.parametrize("kind", [lambda: torch.device("meta"), Names])
def test_a_context_closed_inside_the_guard(watching: str, kind: Callable[[], Any]) -> None:
    context = kind()
    context.__enter__()
    with shapeguard.guard(watching):  # type: ignore[arg-type]
        torch.ones(2)
        context.__exit__(None, None, None)
        assert [mode for mode in stack() if type(mode).__name__ != "OpsMode"] == []
        assert not nn.Linear(2, 2)(torch.ones(1, 2)).is_meta
    assert stack() == []


def test_default_device_set_before_the_guard(watching: str) -> None:
    torch.set_default_device("meta")
    with shapeguard.guard(watching):  # type: ignore[arg-type]
        assert torch.ones(2).is_meta
        torch.set_default_device(None)
        assert not torch.ones(2).is_meta
    assert stack() == []


def test_default_device(level: str) -> None:
    def program() -> Any:
        torch.set_default_device("meta")
        inside = nn.Linear(2, 2)(torch.ones(3, 2))
        torch.set_default_device(None)
        return [inside.detach(), torch.ones(2)]

    assert_untouched(program, level)
    assert stack() == []


def test_default_dtype(watching: str) -> None:
    def program() -> Any:
        torch.set_default_dtype(torch.float64)
        try:
            return torch.cat([torch.ones(2), torch.zeros(2)])
        finally:
            torch.set_default_dtype(torch.float32)

    assert_untouched(program, watching)


# -- tensors and functions of other kinds ------------------------------------------------------------------------------


class Logged(torch.Tensor):
    """A tensor that notes what is done with it."""

    seen: list[str]

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        cls.seen.append(f"{getattr(func, '__name__', '?')} {func is torch.cat}")
        return super().__torch_function__(func, types, args, kwargs or {})


def test_tensor_subclass_sees_what_it_would(level: str) -> None:
    def program() -> Any:
        Logged.seen = []
        a = torch.randn(2, 3).as_subclass(Logged)
        b = torch.cat([a, a])
        results = [b, b[:, 0] + 1, nn.Linear(3, 2)(a).detach(), torch.stack([a, a])]
        seen = list(Logged.seen)
        return [[type(value).__name__ for value in results], seen]

    assert_untouched(program, level)


class Duck:
    """No tensor at all, but torch's functions take it; its table is made of the functions' names."""

    table: ClassVar[dict[Any, str]] = {torch.cat: "cat", F.scaled_dot_product_attention: "attention"}

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return cls.table.get(func), func is torch.cat, {torch.cat: 1}.get(func)


def test_functions_are_known_by_identity_and_in_tables(level: str) -> None:
    duck: Any = Duck()

    def program() -> Any:
        return [torch.cat([duck, torch.ones(1)]), F.scaled_dot_product_attention(duck, duck, duck)]

    assert_untouched(program, level, rows=False)


def test_function_kept_in_a_class_does_not_become_a_method(watching: str) -> None:
    def program() -> Any:
        class Joined:
            join = torch.cat

        return Joined().join([torch.ones(2), torch.ones(1)])

    assert_untouched(program, watching)


@pytest.mark.parametrize("function", ["cat", "stack", "hstack"])
def test_functions_can_be_pickled(watching: str, function: str) -> None:
    with shapeguard.guard(watching):  # type: ignore[arg-type]
        watched = getattr(torch, function)
        data = pickle.dumps([watched, F.scaled_dot_product_attention])
        assert pickle.loads(data)[0] == watched
        text = repr(watched)
    assert b"shapeguard" not in data
    assert pickle.loads(data) == [getattr(torch, function), F.scaled_dot_product_attention]
    assert text == repr(getattr(torch, function))


def test_function_transforms(watching: str) -> None:
    def program() -> Any:
        a, b = torch.randn(3, 2), torch.randn(3, 2)
        return [
            torch.func.vmap(lambda x, y: torch.cat([x, y]) * 2)(a, b),
            torch.func.grad(lambda x: (torch.stack([x, x]) ** 2).sum())(a),
            torch.func.jacrev(lambda x: torch.cat([x, x * 2]))(a),
        ]

    assert_untouched(program, watching)


def test_nested_tensors(watching: str) -> None:
    def program() -> Any:
        nested = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)], layout=torch.jagged)
        return [part * 2 for part in (nested + 1).unbind()]

    assert_untouched(program, watching)


def test_swap_tensors_finds_no_weak_references(watching: str) -> None:
    def program() -> Any:
        model = nn.Linear(2, 2)
        nn.init.ones_(model.weight)
        torch.utils.swap_tensors(model.weight, nn.Parameter(torch.zeros(2, 2)))
        return model.weight.detach()

    assert_untouched(program, watching)


class Sized(nn.Module):
    """Looks at its own locals, as hyperparameter savers do."""

    def __init__(self, hidden: int = 4, **more: Any) -> None:
        given = locals()
        given.pop("self")
        given.pop("__class__", None)
        super().__init__()
        self.given = dict(given)


def test_locals_of_a_constructor(watching: str) -> None:
    def program() -> Any:
        return Sized(hidden=3, depth=2).given

    assert_untouched(program, watching)

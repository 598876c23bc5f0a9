"""The failing example fails as promised and without shapeguard; the reference example does the same job right."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAILING = ROOT / "examples" / "batched_generation.py"
REFERENCE = ROOT / "examples" / "reference_generation.py"


def run(script: Path, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """``python script arguments`` from another folder, without network."""
    settings = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONIOENCODING": "utf-8", **environment}
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=cwd,
        env=settings,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_it_dies_in_the_cache_with_torchs_own_message(tmp_path: Path) -> None:
    result = run(FAILING, cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.rstrip().endswith(
        "RuntimeError: Sizes of tensors must match except in dimension 2. "
        "Expected size 4 but got size 3 for tensor number 1 in the list."
    )
    tail = result.stderr.split("Traceback", 1)[1]
    assert "cache_utils.py" in tail
    assert "self.keys = torch.cat([self.keys, key_states], dim=-2)" in tail
    assert tail.count("batched_generation.py") == 3, "module, main and generate_batch"
    assert result.stdout.splitlines() == [
        "4 prompts, 18 tokens wide",
        "Monday Tuesday Wednesday ->The capital of China is Beijing.",
    ]


def test_it_is_an_ordinary_script() -> None:
    assert "import shapeguard" not in FAILING.read_text(encoding="utf-8")
    assert "from shapeguard" not in FAILING.read_text(encoding="utf-8")


def test_one_prompt_goes_through_to_the_history(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("The capital of Italy is\n\n", encoding="utf-8")
    result = run(FAILING, "--prompts", str(prompts), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "1 prompts, 6 tokens wide",
        "The capital of Italy is -> Rome.",
        "the conversation has 11 tokens",
    ]


@pytest.mark.parametrize(("content", "said"), [(b"\n", "there is no prompt in it"), (b"\xff\xfe\xff", "UTF-8")])
def test_a_prompts_file_that_is_none_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, said: str
) -> None:
    monkeypatch.syspath_prepend(str(FAILING.parent))
    script = importlib.import_module("batched_generation")
    prompts = tmp_path / "prompts.txt"
    prompts.write_bytes(content)
    with pytest.raises(SystemExit, match=said) as caught:
        script.read_prompts(prompts)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [[], ["--loop", "--dtype", "bfloat16"]])
def test_the_reference_gets_all_of_them_right(tmp_path: Path, options: list[str]) -> None:
    result = run(REFERENCE, *options, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "The capital of France is -> Paris.",
        "Monday Tuesday Wednesday -> Thursday Friday Saturday Sunday.",
        "two plus three is -> five.",
        "Once upon a time there was a little fox who lived in a forest. On Monday"
        " -> the fox left the forest to look for a friend.",
    ]


def test_the_reference_names_a_folder_that_is_no_model(tmp_path: Path) -> None:
    result = run(REFERENCE, "--model", str(tmp_path), cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert result.returncode == 1
    assert "expected a config.json or exactly one .gguf file" in result.stderr
    assert "Traceback" not in result.stderr

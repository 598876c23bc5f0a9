"""The demo: a failing generation and the reference pipeline, each run under a guard, laid side by side."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from shapeguard.analysis import analyze
from shapeguard.analysis.compare import compare
from shapeguard.errors import MissingDependencyError, UsageError
from shapeguard.output import OutDir, write_recording, write_report
from shapeguard.values.findings import Report
from shapeguard.values.recording import Recording
from shapeguard.values.store import parse_recording

_PACKAGE = Path(__file__).resolve().parent
TINY_LLAMA = _PACKAGE / "demo_model"
_NO_ANSWER = "(no answer: the run ended before)"


@dataclass(frozen=True)
class Settings:
    """What the demo runs."""

    model: str = str(TINY_LLAMA)
    device: str = "cpu"
    dtype: str = "auto"
    prompts: Path | None = None
    max_new_tokens: int = 24

    def arguments(self) -> list[str]:
        """The scripts' own command line."""
        words = ["--model", self.model, "--device", self.device, "--dtype", self.dtype]
        words += ["--max-new-tokens", str(self.max_new_tokens)]
        return [*words, "--prompts", str(self.prompts.absolute())] if self.prompts is not None else words


@dataclass(frozen=True)
class DemoRun:
    """One of the two runs: what it printed and what was recorded of it."""

    script: Path
    printed: str
    recording: Recording
    report: Report


def check(settings: Settings) -> None:
    """Look whether the demo can run, before anything is started.

    Raises:
        MissingDependencyError: torch or transformers is not installed.
        UsageError: the model folder is none, the prompts cannot be read, the number of tokens is not positive.
    """
    needs("the demo")
    if settings.max_new_tokens < 1:
        raise UsageError(f"--max-new-tokens: expected 1 or more, got {settings.max_new_tokens}")
    _check_model(settings.model)
    if settings.prompts is not None:
        read_prompts(settings.prompts)


def needs(what: str) -> None:
    """Look whether torch and transformers are installed.

    Raises:
        MissingDependencyError: one of them is not.
    """
    for name in ("torch", "transformers"):
        if importlib.util.find_spec(name) is None:
            raise MissingDependencyError(f"{what} needs {name}, which is not installed: pip install {name}")


def _check_model(model: str) -> None:
    path = Path(model)
    if not path.exists():
        if model.startswith((".", "/", "~")) or model.count("/") > 1:
            raise UsageError(f"--model {model}: no such folder")
        return  # a name on a hub, perhaps
    if path.is_dir() and not (path / "config.json").exists() and not list(path.glob("*.gguf")):
        raise UsageError(f"--model {model}: expected a model folder with config.json or a .gguf file, found neither")
    if path.is_file() and path.suffix != ".gguf":
        raise UsageError(f"--model {model}: expected a model folder or a .gguf file, got another kind of file")


def read_prompts(path: Path) -> list[str]:
    """One prompt a line.

    Raises:
        UsageError: no such file, not UTF-8, or nothing in it.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"--prompts {path}: expected UTF-8 text, got a byte that is none at {error.start}") from None
    except OSError as error:
        raise UsageError(f"--prompts {path}: cannot be read ({error.strerror})") from None
    prompts = [line for line in lines if line.strip()]
    if not prompts:
        raise UsageError(f"--prompts {path}: expected one prompt a line, got an empty file")
    return prompts


def run_failing(settings: Settings, out: Path) -> DemoRun:
    """The pipeline as people write it."""
    return _run(_script("batched_generation.py"), settings.arguments(), out, ())


def run_reference(settings: Settings, out: Path) -> DemoRun:
    """The same prompts through the reference pipeline; its code counts as the user's own and is watched."""
    script = _script("reference_generation.py")
    return _run(script, [*settings.arguments(), "--loop"], out, ("--user-code", str(_PACKAGE / "reference")))


def side_by_side(failing: DemoRun, reference: DemoRun, prompts: Sequence[str]) -> Report:
    """The failing run's report with the comparison in it."""
    comparison = compare(
        failing.report,
        reference.report,
        titles=("as people write it", "reference pipeline"),
        scripts=(str(failing.script), str(reference.script)),
        outputs=(_answers(failing.printed, prompts), _answers(reference.printed, prompts)),
        prompts=prompts,
    )
    return msgspec.structs.replace(failing.report, comparison=comparison)


def write(folder: OutDir, failing: DemoRun, report: Report) -> None:
    """The failing run's four files, with the comparison in them."""
    write_recording(folder, failing.recording)
    write_report(folder, report)


def default_prompts() -> list[str]:
    """The prompts of the example script, read out of it without importing torch."""
    import ast

    tree = ast.parse(_script("batched_generation.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "PROMPTS":
            return list(ast.literal_eval(node.value))
    raise LookupError("the example script has no PROMPTS")


def _script(name: str) -> Path:
    """An example script: beside the package in a checkout, inside it in an installed copy."""
    for folder in (_PACKAGE / "examples", _PACKAGE.parent / "examples"):
        if (folder / name).exists():
            return folder / name
    raise UsageError(f"the example script {name} is not there; install shapeguard-torch again")


def _run(script: Path, arguments: list[str], out: Path, options: Sequence[str]) -> DemoRun:
    command = [sys.executable, "-m", "shapeguard", "run", "--out", str(out), *options, str(script), *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"}
    if Path(arguments[1]).exists():
        environment["HF_HUB_OFFLINE"] = "1"  # everything is on this machine: nothing is asked of a hub
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", errors="replace")
    try:
        recording = parse_recording((out / "recording.jsonl").read_bytes(), str(out))
    except OSError:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise UsageError(f"{script.name} could not be run: {last[0]}") from None
    return DemoRun(script, done.stdout, recording, analyze(recording))


def _answers(printed: str, prompts: Sequence[str]) -> list[str]:
    """What a script printed for each prompt, as ``prompt ->answer``."""
    answers = []
    for prompt in prompts:
        start = f"{prompt} ->"
        at = printed.find(start)
        rest = printed[at + len(start) :] if at >= 0 else ""
        ends = [place for other in prompts if (place := rest.find(f"\n{other} ->")) >= 0]
        answers.append(rest[: min(ends, default=len(rest))].strip() if at >= 0 else _NO_ANSWER)
    return answers

"""Reports written by hand: what the renderers are shown in the tests."""

from __future__ import annotations

from shapeguard.values.findings import (
    CallRow,
    Comparison,
    Edit,
    ExceptionInfo,
    Finding,
    Fix,
    LineageStep,
    Location,
    Mismatch,
    OperandView,
    Parting,
    Report,
    RunInfo,
    RunView,
    Severity,
    ShapeRange,
    StepRow,
)

SCRIPT = "examples/batched_generation.py"
REFERENCE = "examples/reference_generation.py"
ENVIRONMENT = {"python": "3.11.2", "torch": "2.13.0", "transformers": "5.23.0", "platform": "Linux x86_64"}
CRASH_STEP = 6
TORCH_MESSAGE = (
    "Sizes of tensors must match except in dimension 2. Expected size 4 but got size 3 for tensor number 1 in the list."
)


def at(line: int, source: str = "", function: str = "generate_batch", file: str = SCRIPT) -> Location:
    """A line of the example script."""
    return Location(file, line, function, source)


CALL = at(59, "outputs = model(input_ids=input_ids, past_key_values=past_key_values, use_cache=True)")
DROP = at(72, "input_ids = next_tokens[unfinished].unsqueeze(-1)")
ENCODE = at(116, 'batch = tokenizer(prompts, padding=True, return_tensors="pt").to(model.device)', "main")

ROWS_DROPPED = Finding(
    code="SG301",
    name="cache-batch-mismatch",
    severity=Severity.ERROR,
    message=(
        "The KV cache holds 4 rows, the new keys have 3: line 72 drops the finished row from input_ids and leaves it "
        "in past_key_values. Every layer of the cache must have as many rows as the input."
    ),
    location=DROP,
    failed_at=CALL,
    operands=(
        OperandView(
            "tensors[0]", "self.keys", (4, 2, 24, 16), ("batch", "kv_heads", "past", "head_dim"), "float32", "cpu", CALL
        ),
        OperandView(
            "tensors[1]", "key_states", (3, 2, 1, 16), ("batch", "kv_heads", "new", "head_dim"), "float32", "cpu", DROP
        ),
    ),
    mismatch=Mismatch("dim", (4, 3), 0),
    lineage=(
        LineageStep(SCRIPT, 116, ENCODE.source, "tokenizer", (), (4, 18)),
        LineageStep(SCRIPT, 61, "next_tokens = outputs.logits[:, -1, :].argmax(dim=-1)", "argmax", (4, 1, 512), (4,)),
        LineageStep(SCRIPT, 72, DROP.source, "getitem", (4,), (3,)),
        LineageStep(SCRIPT, 72, DROP.source, "unsqueeze", (3,), (3, 1)),
        LineageStep(SCRIPT, 59, CALL.source, "LlamaForCausalLM", (3, 1), (3, 2, 1, 16)),
    ),
    fix=Fix(
        "Drop the same rows from the cache: call past_key_values.batch_select_indices with the rows that go on.",
        (
            Edit(
                SCRIPT,
                72,
                "",
                "        past_key_values.batch_select_indices(unfinished.nonzero().squeeze(-1))",
            ),
        ),
    ),
)

RIGHT_PADDED = Finding(
    code="SG101",
    name="right-padded-decoder",
    severity=Severity.WARNING,
    message="The tokenizer pads 3 of 4 rows on the right; a decoder-only model then continues from padding.",
    location=ENCODE,
    fix=Fix(
        "Pad on the left.",
        (
            Edit(
                SCRIPT,
                29,
                "    tokenizer = AutoTokenizer.from_pretrained(name, **options)",
                '    tokenizer = AutoTokenizer.from_pretrained(name, padding_side="left", **options)',
            ),
        ),
    ),
)

NO_MASK = Finding(
    code="SG103",
    name="no-attention-mask",
    severity=Severity.ERROR,
    message="3 of 4 rows are padded and the model gets no attention_mask: they attend to 23 padding tokens.",
    location=CALL,
    operands=(
        OperandView("input_ids", "input_ids", (4, 18), ("batch", "seq"), "int64", "cpu", ENCODE),
        OperandView("attention_mask"),
    ),
    lineage=(LineageStep(SCRIPT, 116, ENCODE.source, "tokenizer", (), (4, 18)),),
    fix=Fix(
        "Pass the tokenizer's attention_mask on.",
        (
            Edit(
                SCRIPT,
                59,
                "        outputs = model(input_ids=input_ids, past_key_values=past_key_values, use_cache=True)",
                "        outputs = model(input_ids=input_ids, attention_mask=attention_mask,\n"
                "                        past_key_values=past_key_values, use_cache=True)",
            ),
        ),
    ),
)

PAD_IS_EOS = Finding(
    code="SG102",
    name="no-pad-token",
    severity=Severity.NOTE,
    message="The pad token is the eos token; the mask keeps real ends apart.",
    location=at(31, "tokenizer.pad_token = tokenizer.eos_token", "load_model"),
)


def decode_steps(count: int, *, mask: bool, rows: tuple[int, ...], crash_at: int | None = None) -> tuple[StepRow, ...]:
    """Steps of a decode loop over a prompt 18 tokens wide; ``rows[i]`` rows enter step i."""
    steps = []
    for step in range(count):
        batch, width, past = rows[min(step, len(rows) - 1)], 18 if step == 0 else 1, 0 if step == 0 else 17 + step
        parted = step == crash_at
        steps.append(
            StepRow(
                step=step,
                input_ids=(batch, width),
                mask=(batch, past + width) if mask else None,
                positions=(batch, width),
                cache_rows=(batch + 1 if parted else batch) if step else None,
                cache_length=past if step else None,
                keys=None if parted else (batch, 2, past + width, 16),
                query=(batch, 4, width, 16),
                agrees=not parted,
                remark="3 rows enter, the cache holds 4" if parted else "",
                location=CALL if not mask else at(61, "outputs = model(**inputs)", "decode_loop", REFERENCE),
            )
        )
    return tuple(steps)


def attention_calls(batch: int, last: int, count: int, *, error: str = "") -> tuple[CallRow, ...]:
    """The folded rows of a decode loop: tokenizer, prefill and decode of two layers, the cache."""
    rows = [
        CallRow(0, "LlamaTokenizer", "tokenizer", 1, ENCODE, facts={"padding_side": "right", "lengths": [6, 4, 5, 18]}),
        CallRow(1, "LlamaForCausalLM", "forward", count, CALL, "", (ShapeRange("input_ids", (4, 18), (batch, 1)),)),
    ]
    for layer in range(2):
        keys = ShapeRange("key", (4, 2, 18, 16), (batch, 2, last, 16), "float32", "cpu")
        query = ShapeRange("query", (4, 4, 18, 16), (batch, 4, 1, 16), "float32", "cpu")
        new = ShapeRange("key_states", (4, 2, 18, 16), (batch, 2, 1, 16), "float32", "cpu")
        module = f"model.layers.{layer}.self_attn"
        cache_error = error if layer == 0 else ""
        rows += [
            CallRow(len(rows), "DynamicLayer.update", "cache", count, CALL, module, (new,), (keys,), cache_error),
            CallRow(len(rows) + 1, "sdpa", "attention", count, CALL, module, (query, keys), (query,)),
        ]
    return tuple(rows)


PROMPTS = (
    "The capital of France is",
    "Monday Tuesday Wednesday",
    "two plus three is",
    "Once upon a time there was a little fox who lived in a forest. On Monday",
)

CRASH = Report(
    outcome="crashed",
    exception=ExceptionInfo("RuntimeError", TORCH_MESSAGE),
    environment=ENVIRONMENT,
    findings=(ROWS_DROPPED, RIGHT_PADDED, NO_MASK, PAD_IS_EOS),
    failed_at=CALL,
    operands=ROWS_DROPPED.operands,
    run=RunInfo((SCRIPT, "--max-new-tokens", "24"), "user", 1.734, 412, 58, ("recorded without level all",)),
    steps=decode_steps(CRASH_STEP + 1, mask=False, rows=(4,) * CRASH_STEP + (3,), crash_at=CRASH_STEP),
    calls=attention_calls(3, 24, CRASH_STEP + 1, error=f"RuntimeError: {TORCH_MESSAGE}"),
    comparison=Comparison(
        left=RunView(
            "failing run",
            "crashed",
            SCRIPT,
            decode_steps(CRASH_STEP + 1, mask=False, rows=(4,) * CRASH_STEP + (3,), crash_at=CRASH_STEP),
            attention_calls(3, 24, CRASH_STEP + 1, error=f"RuntimeError: {TORCH_MESSAGE}"),
            (" the the forest", "", " five.", " the fox left the"),
            (ROWS_DROPPED, RIGHT_PADDED, NO_MASK, PAD_IS_EOS),
        ),
        right=RunView(
            "reference run",
            "completed",
            REFERENCE,
            decode_steps(12, mask=True, rows=(4, 4, 4, 3, 3, 2, 2, 1, 1, 1, 1, 1)),
            attention_calls(1, 29, 12),
            (
                " Paris.",
                " Thursday Friday Saturday Sunday.",
                " five.",
                " the fox left the forest to look for a friend.",
            ),
        ),
        partings=(
            Parting(0, "mask", "none", "(4, 18)"),
            Parting(3, "input_ids", "(4, 1)", "(3, 1)"),
            Parting(3, "cache_rows", "4", "3"),
        ),
        prompts=PROMPTS,
    ),
)

SILENT = Report(
    outcome="completed",
    environment=ENVIRONMENT,
    findings=(NO_MASK, RIGHT_PADDED),
    run=RunInfo((SCRIPT,), "user", 2.5, 300, 40),
    steps=decode_steps(12, mask=False, rows=(4,)),
    calls=attention_calls(4, 29, 12),
)

UNKNOWN = Report(
    outcome="crashed",
    exception=ExceptionInfo("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (32x784 and 512x10)"),
    environment=ENVIRONMENT,
    failed_at=Location("train.py", 41, "forward", "return self.head(torch.relu(self.body(images)))"),
    operands=(
        OperandView("input", "torch.relu(self.body(images))", (32, 784), ("batch", ""), "float32", "cuda:0"),
        OperandView(
            "weight", "self.head.weight", (10, 512), (), "float32", "cuda:0", Location("train.py", 17, "__init__")
        ),
    ),
    run=RunInfo(("train.py",), "crash", 0.4, 0, 0),
)

EMPTY = Report(outcome="completed", run=RunInfo(("train.py",), "user", 0.1, 12, 3))

HOSTILE_SOURCE = "x = '<script>alert(1)</script>' | `a``b` + \"</style><img src=//evil>\"  # \x1b[31m\u202e@team"

HOSTILE = Report(
    outcome="crashed",
    exception=ExceptionInfo("ValueError<b>", "</script><script>alert(2)</script> | {{ 7 * 7 }}\nsecond | line"),
    environment={"<i>": "<u>|"},
    findings=(
        Finding(
            "SG502",
            "broadcast-mismatch",
            Severity.ERROR,
            "`x` <img src=x onerror=alert(3)> | does not fit",
            Location("<file>.py", 1, "<module>", HOSTILE_SOURCE),
            Location("<string>", 2, "<lambda>", HOSTILE_SOURCE),
            (OperandView("<a>", HOSTILE_SOURCE, (3,), ("<dim>",)), OperandView("b", "", (), (), "float32")),
            Mismatch("dim", (3, 2), 0),
            (LineageStep("<file>.py", 1, HOSTILE_SOURCE, "<op>", (2,), (3,)),),
            Fix("Say ``` to it.", (Edit("<file>.py", 1, HOSTILE_SOURCE, "```\n</pre>"),)),
        ),
    ),
    run=RunInfo(("<file>.py", "a b"), notes=("<note>",)),
    calls=(CallRow(0, "<op>|", "op", 1, Location("<f>", 1, "", HOSTILE_SOURCE), "m|", error="<err>"),),
    comparison=Comparison(
        RunView("<left>", "crashed", outputs=("<out>",)), RunView("<right>", "completed"), prompts=("<prompt>",)
    ),
)


def long_report(steps: int = 5000, calls: int = 3000) -> Report:
    """A run far longer than any table can show."""
    return Report(
        outcome="completed",
        run=RunInfo(("long.py",), "all", 900.0, steps * calls, calls),
        steps=decode_steps(steps, mask=True, rows=(4,)),
        calls=tuple(CallRow(number, "add", "op", 1, at(1, "a + b")) for number in range(calls)),
        comparison=Comparison(
            RunView("failing run", "completed", steps=decode_steps(steps, mask=False, rows=(4,))),
            RunView("reference run", "completed", steps=decode_steps(steps, mask=True, rows=(4,))),
        ),
    )


ALL = {"crash": CRASH, "silent": SILENT, "unknown": UNKNOWN, "empty": EMPTY, "hostile": HOSTILE}

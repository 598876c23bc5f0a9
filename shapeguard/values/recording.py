"""Recording: what happened in one run, as a versioned value.

On disk a recording is ``recording.jsonl``: a :class:`Header` line, then lines in the order they became known, so that
a run that is killed leaves everything written so far readable. Lines may refer only to ids of earlier lines. A row that
repeats is written again with the same id; the last one holds.

Schema history: 1 first version.
"""

from __future__ import annotations

import msgspec

from shapeguard.values.findings import ExceptionInfo, FactValue, Outcome

RECORDING_SCHEMA = "shapeguard.recording/1"


class Site(msgspec.Struct, tag_field="t", tag="site", omit_defaults=True):
    """A place in a source file; columns count from 0 in UTF-8 bytes, -1 where Python 3.10 does not know them."""

    id: int
    file: str
    line: int
    end_line: int
    col: int = -1
    end_col: int = -1
    function: str = ""
    module: str = ""  # the module's dotted name, "__main__" for the script


class Chain(msgspec.Struct, tag_field="t", tag="chain", omit_defaults=True):
    """The user's call chain at an event: ids of sites, innermost first. Library frames are left out."""

    id: int
    sites: tuple[int, ...]


class TensorArg(msgspec.Struct, omit_defaults=True, frozen=True):
    """A tensor that went into or came out of a row: its shape at the first and at the last occurrence."""

    label: str  # "input", "tensors[1]", "attention_mask", "past keys"
    first: tuple[int, ...]
    last: tuple[int, ...]
    dtype: str = ""  # "float32"
    device: str = ""  # "cpu", "cuda:0"
    origin: int | None = None  # id of the row that made it, as of the last occurrence; None: born outside
    first_origin: int | None = None  # the row that made the first occurrence's, where that was another


class Row(msgspec.Struct, tag_field="t", tag="row", omit_defaults=True):
    """One event, or a run of events that repeat at the same place with steadily growing (or equal) numbers.

    ``kind``: "op" a torch operation · "concat" cat, stack and family · "attention" · "cache" update, reorder, crop,
    select of a KV cache · "forward" a call of a transformers model · "module" a call of another library module ·
    "generate" · "tokenizer" · "construct" a module was built · "checkpoint" loaded in vain · "loader" · "collective".
    """

    id: int
    op: str  # "cat", "getitem", "linear", "DynamicLayer.update", "LlamaForCausalLM", "LlamaTokenizer"
    kind: str
    chain: int
    inputs: tuple[TensorArg, ...] = ()
    outputs: tuple[TensorArg, ...] = ()
    args: dict[str, FactValue] = {}  # sizes, dims, indices and settings, as of the last occurrence
    args_first: dict[str, FactValue] = {}  # those that were different at the first
    module: str = ""  # path of the module at work: "model.layers.3.self_attn"
    owner: int | None = None  # id of the row in which the called module, tokenizer or cache was built
    count: int = 1
    first_at: int = 0  # number of the first occurrence, counted over all events of the run
    last_at: int = 0
    varied: bool = False  # shapes did not grow steadily; first and last are only samples
    error: str = ""  # type and message, when the operation raised
    thread: str = ""


class NamedValue(msgspec.Struct, omit_defaults=True, frozen=True):
    """A value seen in a frame of the failure: a tensor (``shape`` set), a number, or the name of a type."""

    expression: str
    label: str = ""  # position or parameter name in the failing call
    shape: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    dtype: str = ""
    device: str = ""
    origin: int | None = None  # id of the row that made it
    value: FactValue = None  # ints, bools and lists of ints only; never the contents of a tensor or a prompt
    type: str = ""


class FrameInfo(msgspec.Struct, omit_defaults=True, frozen=True):
    """One frame of the traceback, outermost first in :class:`Failure`."""

    file: str
    line: int
    function: str
    user: bool
    end_line: int = 0
    statement: int = 0  # first line of the innermost statement that was running
    source: str = ""
    expression: str = ""  # the expression that was being evaluated
    op: str = ""  # the called function's name, or the operator
    module: str = ""  # path of the nn.Module whose method this is
    owner: int | None = None  # id of the row in which that module (or the method's object) was built
    operands: tuple[NamedValue, ...] = ()
    locals: tuple[NamedValue, ...] = ()


class Failure(msgspec.Struct, tag_field="t", tag="failure", omit_defaults=True):
    """An exception that left the guarded code, with what was at hand when it was raised."""

    exception: ExceptionInfo
    frames: tuple[FrameInfo, ...] = ()
    row: int | None = None  # the row whose operation raised it
    thread: str = ""
    causes: tuple[ExceptionInfo, ...] = ()  # __cause__ and __context__
    remote: str = ""  # text of a traceback from a worker or another process
    facts: dict[str, FactValue] = {}  # results of experiments on the meta device


class Source(msgspec.Struct, tag_field="t", tag="source"):
    """The text of one of the user's files, as it was when the run ended."""

    file: str
    text: str


class Note(msgspec.Struct, tag_field="t", tag="note"):
    """Trouble of shapeguard's own: it never reaches the user's program."""

    text: str


class Header(msgspec.Struct, tag_field="t", tag="header"):
    """First line of every recording."""

    schema: str = RECORDING_SCHEMA
    level: str = "user"
    argv: tuple[str, ...] = ()
    cwd: str = ""
    environment: dict[str, str] = {}
    process: str = ""  # of a child process: its name ("DataLoader worker 0", "SpawnProcess-1")
    pid: int = 0  # of a child process
    parent: int = 0  # of a child process: its parent's pid
    inherited: int = 0  # rows that a forked child took over from its parent


class Footer(msgspec.Struct, tag_field="t", tag="footer"):
    """Last line of a recording that was closed; missing when the process was killed."""

    outcome: Outcome
    seconds: float
    events: int


Line = Header | Site | Chain | Row | Failure | Source | Note | Footer


class Recording(msgspec.Struct):
    """Everything known about one run. Ids are positions: ``rows[row.id] is row``, and so for sites and chains."""

    header: Header = msgspec.field(default_factory=Header)
    sites: list[Site] = msgspec.field(default_factory=list)
    chains: list[Chain] = msgspec.field(default_factory=list)
    rows: list[Row] = msgspec.field(default_factory=list)
    failures: list[Failure] = msgspec.field(default_factory=list)
    sources: dict[str, str] = msgspec.field(default_factory=dict)
    notes: list[str] = msgspec.field(default_factory=list)
    footer: Footer | None = None

    @property
    def outcome(self) -> Outcome:
        """As the footer says; a recording without one was cut off."""
        return self.footer.outcome if self.footer else "interrupted"

    def lines(self) -> list[Line]:
        """The lines of the compact form on disk."""
        lines: list[Line] = [self.header, *self.sites, *self.chains, *self.rows, *self.failures]
        lines += [Source(file, text) for file, text in self.sources.items()]
        lines += [Note(text) for text in self.notes]
        if self.footer is not None:
            lines.append(self.footer)
        return lines

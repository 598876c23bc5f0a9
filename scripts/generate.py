"""Write the generated pages of docs/: one for each rule, the report's schema, the table of patched places.

python scripts/generate.py          write them
python scripts/generate.py --check  exit with 1 where one is not up to date
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from shapeguard.capture.sites import SITES
from shapeguard.rules import RULES
from shapeguard.values.findings import REPORT_SCHEMA, Report

ROOT = Path(__file__).resolve().parent.parent
_PATCHES = """\
# Patched places

Made from the table in `shapeguard/capture/sites.py`. While a guard is open, and only where the module is imported, these
attributes are replaced by wrappers that note shapes and call the original; afterwards each is what it was.

| module | attribute | `watch` | why |
|---|---|---|---|
"""
_RULES = """\
# Root causes

One page for each, made from the docstrings in `shapeguard/rules/`; `shapeguard rules CODE` shows the same.

| code | name | meaning |
|---|---|---|
"""


def pages() -> dict[Path, str]:
    """The text of every generated file, by its path."""
    docs = ROOT / "docs"
    found = {docs / "rules" / f"{rule.code}.md": f"# {rule.page}\n" for rule in RULES}
    rows = (f"| [{rule.code}]({rule.code}.md) | {rule.name} | {rule.summary} |\n" for rule in RULES)
    found[docs / "rules" / "README.md"] = _RULES + "".join(rows)
    found[docs / "report-schema.json"] = report_schema()
    rows = (f"| {site.owner.replace(':', '.')} | {site.name} | {site.group} | {site.reason} |\n" for site in SITES)
    found[docs / "patches.md"] = _PATCHES + "".join(rows)
    return found


def report_schema() -> str:
    """The JSON schema of report.json."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": REPORT_SCHEMA}
    schema |= msgspec.json.schema(Report)
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def left_over(wanted: dict[Path, str]) -> list[Path]:
    """Pages of rules that are no more."""
    return [path for path in sorted((ROOT / "docs" / "rules").glob("*.md")) if path not in wanted]


def main(words: list[str]) -> int:
    """Write or check all pages."""
    wanted = pages()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    stale += left_over(wanted)
    if words == ["--check"]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not up to date: run scripts/generate.py", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], "utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Reading the documentation as the tests need it: sections, tables, code blocks, links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md")) + [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]

_BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^>]+) -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`]+)`")


class Block(NamedTuple):
    """A fenced block; ``mark`` is the HTML comment on the line above it."""

    kind: str
    mark: str
    text: str


def page(name: str) -> str:
    """The text of a page of ``docs/``, or of the README and its like."""
    path = DOCS / name
    return (path if path.exists() else ROOT / name).read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page."""
    return [Block(found["kind"], found["mark"] or "", found["text"]) for found in _BLOCK.finditer(text)]


def sections(text: str) -> dict[str, str]:
    """The text under each heading, up to the next heading of any level; names without their backticks."""
    text = _BLOCK.sub("", text)
    parts = _HEADING.split(text)[1:]
    return {name.replace("`", ""): body for name, body in zip(parts[::2], parts[1::2], strict=True)}


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, headings and rules left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = {index - 1 for index, line in enumerate(lines) if set(line) <= set("|- ")}
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for index, line in enumerate(lines)
        if index not in heads and index - 1 not in heads
    ]


def code(cell: str) -> list[str]:
    """The words in backticks."""
    return _CODE.findall(cell)


def links(text: str) -> list[str]:
    """The targets of the links outside code."""
    return _LINK.findall(_CODE.sub("", _BLOCK.sub("", text)))


def anchors(text: str) -> set[str]:
    """The fragments that a page's headings give, as GitHub makes them."""
    plain = _BLOCK.sub("", text)
    return {re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in _HEADING.findall(plain)}


def as_written(text: str) -> Any:
    """YAML with every scalar as the text that it is."""
    return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  makes texts, lists and mappings only

"""YAML to plain values, remembering where everything stood.

YAML's traps are closed here: every scalar stays the text that was written (so ``no`` is "no", ``1.10`` is
"1.10" and a date is its text; the models say what a text must be), a key that stands twice is an error, and
so are tags, cycles and documents that unfold to an unreasonable size.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import yaml

from duskgate.config.errors import ConfigError, InvalidConfig

Path = tuple[str | int, ...]
Mark = tuple[int, int]

_VARIABLE = re.compile(r"\$(\$)?\{([^}:]*)(:-([^}]*))?\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq", "merge", "value")
)
_MOST_NODES = 1_000_000
_DEEPEST = 64
_SHORTEST_SECRET = 4
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Tree:
    """A document's values, the marks of its keys and values, and the texts that stood for secrets."""

    file: str
    value: Any = None
    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)

    def error(self, path: Path, reason: str, hint: str = "", *, at_key: bool = False) -> ConfigError:
        """An error at a place of the document, or at the nearest place above it that was written."""
        marks = self.keys if at_key else self.values
        known = next((path[:n] for n in range(len(path), -1, -1) if path[:n] in marks), ())
        line, column = marks.get(known, self.values.get((), (1, 1)))
        return ConfigError(self.file, line, column, dotted(path), self.hide(reason), self.hide(hint))

    def remember(self, filled: str, written: str) -> None:
        """Note what stands for ``filled``, in each form in which a message could show it."""
        for value in (filled, filled.strip()):
            if len(value) >= _SHORTEST_SECRET and value != written:
                self.written[value] = written
                self.written[repr(value)[1:-1]] = written

    def hide(self, text: str) -> str:
        """Put back ``${NAME}`` where a text would show what an environment variable holds."""
        for value in sorted(self.written, key=len, reverse=True):
            text = text.replace(value, self.written[value])
        return text


def dotted(path: Path) -> str:
    """``('resolve', 0, 'header')`` as ``resolve[0].header``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def suggest(word: str, known: Mapping[str, Any] | list[str] | tuple[str, ...]) -> str:
    """A hint with the likely spelling, or with what there is to choose from."""
    names = [str(name) for name in known]
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(sorted(names)[:12])}" if names else ""


def parse(text: str, file: str, env: Mapping[str, str]) -> Tree:
    """Read a YAML document. Raises InvalidConfig with every mistake found."""
    tree = Tree(file)
    try:
        _refuse_depth(text, file)
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise InvalidConfig([_from_yaml(error, file)]) from None
    except yaml.YAMLError as error:
        raise InvalidConfig([ConfigError(file, 1, 1, "", f"not YAML: {error}")]) from None
    except UnicodeEncodeError:
        raise InvalidConfig([ConfigError(file, 1, 1, "", "is not UTF-8 text")]) from None
    if root is None:
        hint = "see docs/config-reference.md for the smallest working one"
        raise InvalidConfig([ConfigError(file, 1, 1, "", "the file is empty", hint)])
    reader = _Reader(tree, env)
    tree.value = reader.read(root, ())
    if reader.errors:
        raise InvalidConfig(reader.errors)
    return tree


def _place(mark: Any) -> Mark:
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _refuse_depth(text: str, file: str) -> None:
    """Composing recurses, and libyaml's then overflows the stack of the process; its events do not."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise InvalidConfig([ConfigError(file, *_place(event.start_mark), "", "nested too deeply")])
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _from_yaml(error: yaml.MarkedYAMLError, file: str) -> ConfigError:
    line, column = _place(error.problem_mark or error.context_mark)
    return ConfigError(file, line, column, "", f"not YAML: {error.problem or error.context}")


class _Reader:
    def __init__(self, tree: Tree, env: Mapping[str, str]) -> None:
        self.tree = tree
        self.env = env
        self.errors: list[ConfigError] = []
        self.nodes = 0
        self.merging = 0

    def read(self, node: yaml.Node, path: Path) -> Any:
        self.tree.values[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        self._count(path)
        if node.tag not in _PLAIN_TAGS:
            self.errors.append(self.tree.error(path, f"the tag {node.tag} is not supported"))
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _count(self, path: Path) -> None:
        self.nodes += 1
        if self.nodes > _MOST_NODES or len(path) + self.merging > _DEEPEST:
            raise InvalidConfig([self.tree.error(path[:3], "the document unfolds to an unreasonable size")])

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        out: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:  # first, so that the marks of its own keys are the last set
            if key_node.value == "<<":
                merged.update(self._merge(value_node, path))
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or not isinstance(key, str):
                self.errors.append(self.tree.error(path, "a key must be a plain text"))
                continue
            place = (*path, key)
            if key == "<<":
                continue
            mark = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if key in out:
                first = self.tree.keys[place]
                self.tree.keys[place] = mark
                reason = f"the key stands twice; the first is on line {first[0]}"
                self.errors.append(self.tree.error(place, reason, at_key=True))
                continue
            self.tree.keys[place] = mark
            out[key] = self.read(value_node, place)
        return {**merged, **out}

    def _merge(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        """``<<: *anchor`` of YAML 1.1: the keys that the mapping does not have itself."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        out: dict[str, Any] = {}
        self.merging += 1
        for source in reversed(sources):
            self._count(path)
            if isinstance(source, yaml.MappingNode):
                out.update(self._mapping(source, path))
            else:
                self.errors.append(self.tree.error(path, "<< takes a mapping or a list of mappings"))
        self.merging -= 1
        return out

    def _scalar(self, node: yaml.Node, path: Path) -> str | None:
        if not getattr(node, "style", None) and node.value in _NULLS:
            return None
        text: str = node.value
        return self._filled(text, path) if "${" in text else text

    def _filled(self, text: str, path: Path) -> str:
        def fill(match: re.Match[str]) -> str:
            escaped, name, has_default, default = match.groups()
            if escaped:
                return match.group(0)[1:]
            if not _NAME.fullmatch(name):
                self.errors.append(self.tree.error(path, f"{match.group(0)} names no variable"))
                return ""
            value = self.env.get(name, "")
            self.tree.remember(value, match.group(0))
            if has_default:
                return value or str(default)
            if name not in self.env:
                hint = f"set it, or give a default: ${{{name}:-...}}"
                reason = f"the environment variable {name} is not set"
                self.errors.append(self.tree.error(path, reason, hint))
            return value

        filled = _VARIABLE.sub(fill, text)
        self.tree.remember(filled, text)
        return filled

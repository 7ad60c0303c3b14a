"""Reading a gateway.yaml: text, tree, document, checks, Plan."""

from __future__ import annotations

import hashlib
import json
import os
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from duskgate.config.advice import advice
from duskgate.config.check import findings
from duskgate.config.compile import compile_plan
from duskgate.config.errors import ConfigError, InvalidConfig
from duskgate.config.key import BrokenKey, identity_key, own_key
from duskgate.config.models import Document
from duskgate.config.tree import Path, Tree, parse, suggest
from duskgate.policy.plan import Plan

SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Loaded:
    """A configuration that is fit to serve, with what there is to warn about."""

    path: FilePath
    document: Document
    plan: Plan
    warnings: tuple[ConfigError, ...]
    text: str
    standalone: bool = False

    @property
    def state(self) -> FilePath:
        """The folder of what is switched at run time."""
        return self.path.parent / self.document.server.state

    @property
    def ledger_url(self) -> str | None:
        """The ledger's database, if one is kept; the path of an SQLite file is absolute."""
        ledger = self.document.ledger
        path = self.ledger_path
        return f"{SQLITE}{path}" if path is not None else ledger.url if ledger is not None else None

    @property
    def ledger_path(self) -> FilePath | None:
        """The ledger's file, if it is in one."""
        return ledger_path(self.document, self.path)

    @property
    def key_folder(self) -> FilePath | None:
        """Where the key of the digests is kept: beside the ledger, or with the state if it is in no file."""
        return key_folder(self.document, self.path)

    @property
    def flags_path(self) -> FilePath | None:
        """The flags file, if flags come from one."""
        flags = self.document.flags
        return self.path.parent / flags.path if flags is not None and flags.provider == "file" else None

    @property
    def overrides_path(self) -> FilePath | None:
        """Where flags flipped for single users are kept, if there are flags at all."""
        flags, beside = self.document.flags, self.flags_path
        if flags is None:
            return None
        if flags.overrides is not None:
            return self.path.parent / flags.overrides
        return beside.with_name(f"{beside.name}.overrides") if beside else self.state / "flags.overrides"


def ledger_path(document: Document, file: FilePath) -> FilePath | None:
    """The ledger's file, if it is in one. ``file`` is the YAML's."""
    ledger = document.ledger
    if ledger is None or not ledger.url.startswith(SQLITE):
        return None
    return file.absolute().parent / ledger.url.removeprefix(SQLITE)


def key_folder(document: Document, file: FilePath) -> FilePath | None:
    """The folder of the key of the digests; ``None`` where no ledger asks for a lasting one."""
    if document.ledger is None:
        return None
    path = ledger_path(document, file)
    return path.parent if path is not None else file.absolute().parent / document.server.state


def load(path: str | FilePath, env: Mapping[str, str] | None = None, *, standalone: bool = False) -> Loaded:
    """Read and check a configuration file.

    ``standalone`` is for the middleware inside an application: versions then need no backend.
    Raises InvalidConfig with every mistake found.
    """
    file = FilePath(path)
    if file.exists() and not file.is_file():
        raise InvalidConfig([ConfigError(str(path), 1, 1, "", "is not a regular file")])
    try:
        raw = file.read_bytes()
        text = raw.decode("utf-8")
    except OSError as error:
        raise InvalidConfig([ConfigError(str(path), 1, 1, "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InvalidConfig([ConfigError(str(path), line, 1, "", "is not UTF-8 text")]) from None
    return loads(text, file, env, standalone=standalone)


def loads(
    text: str,
    file: FilePath,
    env: Mapping[str, str] | None = None,
    *,
    standalone: bool = False,
    check_flags: bool = True,
) -> Loaded:
    """The same for a text; ``file`` is where its relative paths start and what errors name.

    ``check_flags``: look whether the flags exist. Without it a broken flags file does not matter here.
    """
    env = os.environ if env is None else env
    tree = parse(text, str(file), env)
    try:
        document = Document.model_validate(tree.value)
    except ValidationError as error:
        raise InvalidConfig(_explain(tree, error)) from None
    flags = _flags(tree, document, file) if check_flags else None
    found = list(findings(document, flags, file.parent, standalone=standalone))
    if found:
        raise InvalidConfig(_placed(tree, one.path, one.reason, one.hint) for one in found)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    broken = []
    try:
        key = identity_key(env, key_folder(document, file))
    except BrokenKey as error:  # the gateway itself does not start with it; whoever only asks may go on
        key, broken = own_key(), [tree.error(("ledger",), str(error))]
    plan = compile_plan(document, digest, key, file.parent)
    warnings = (
        *broken,
        *(tree.error(place, reason) for place, reason in advice(document)),
    )
    return Loaded(file, document, plan, warnings, text, standalone)


def _placed(tree: Tree, place: Path, reason: str, hint: str) -> ConfigError:
    missing = place not in tree.values
    return tree.error(place, reason, hint, at_key=missing)


def _flags(tree: Tree, document: Document, file: FilePath) -> frozenset[str] | None:
    """The names in the flags file, or ``None`` where flags are kept elsewhere."""
    if document.flags is None:
        return frozenset()
    if document.flags.provider != "file":
        return None
    path = file.parent / document.flags.path
    try:
        return frozenset({**json.loads(path.read_text(encoding="utf-8"))["flags"]})
    except OSError as error:
        hint = "create it, or remove the flags section"
        reason = f"{path} cannot be read: {error.strerror}"
        raise InvalidConfig([tree.error(("flags", "path"), reason, hint)]) from None
    except json.JSONDecodeError as error:
        raise InvalidConfig(
            [ConfigError(str(path), error.lineno, error.colno, "", f"not JSON: {error.msg}")]
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidConfig([ConfigError(str(path), 1, 1, "flags", "is not a flagd flag set")]) from None


def _explain(tree: Tree, error: ValidationError) -> Iterable[ConfigError]:
    for item in error.errors():
        place = tuple(part for part in item["loc"] if part != "[key]")
        if item["type"] == "extra_forbidden":
            known = known_keys(Document, place[:-1])
            hint = suggest(str(place[-1]), known)
            yield tree.error(place, f"there is no key {place[-1]!r} here", hint, at_key=True)
        elif item["type"] == "missing":
            yield tree.error(place, f"{place[-1]} is missing", at_key=True)
        else:
            yield tree.error(place, _reason(item), at_key="[key]" in item["loc"])


_REASONS = {
    "string_type": "takes a text",
    "model_type": "takes a mapping",
    "dict_type": "takes a mapping",
    "list_type": "takes a list",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}


def _reason(item: ErrorDetails) -> str:
    if item["type"] in _REASONS:
        return "is empty" if item["input"] is None else _REASONS[item["type"]]
    message = item["msg"].removeprefix("Input should ")
    if item["type"] == "string_pattern_mismatch":
        return f"{str(item['input'])!r} is not written as it must be: {message}"
    return f"should {message}" if item["msg"].startswith("Input should ") else message


def known_keys(model: type[BaseModel], place: Path) -> list[str]:
    """The keys that the model has at a place of the document."""
    kinds: list[Any] = [model]
    for part in place:
        kinds = [below for kind in kinds for below in _below(kind, part)]
    keys = []
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys += [field.alias or name for name, field in kind.model_fields.items()]
    return keys


def _below(kind: Any, part: str | int) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if part in (name, field.alias):
                return _members(field.annotation)
        return []
    arguments = typing.get_args(kind)
    return _members(arguments[-1]) if arguments else []


def _members(kind: Any) -> list[Any]:
    """A type's own form: without ``Annotated``, and each member of a union."""
    if typing.get_origin(kind) is typing.Annotated:
        return _members(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return [member for one in typing.get_args(kind) for member in _members(one)]
    return [kind]

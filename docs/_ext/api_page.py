"""The directive ``api``, which writes the reference of Python names from the stub and from the Python files.

The texts are the docstrings that ``help`` shows. A name in a docstring becomes a link. A name with a capital letter
that is not documented anywhere is a warning, and so an error.
"""

import ast
import builtins
import collections.abc
import datetime
import inspect
import os
import re
import typing
from functools import cache
from importlib import import_module
from pathlib import Path

import netmon
from netmon.options import DEFAULTS, CaptureSettings
from sphinx.addnodes import pending_xref
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode
from words import markdown

STUB = Path(netmon.__file__).with_name("_core.pyi")
ELSEWHERE = (builtins, typing, collections.abc, datetime, os)
"""Modules of the standard library whose types are in signatures."""

PRIVATE = {"_Row_co", "Names", "Read", "Readable", "Format", "Kind", "New", "Per", "Severity", "Gauge", "Details"}
"""Names in signatures that stand for what the text explains."""

CAPTURE_SETTINGS = "**settings: Unpack[CaptureSettings]"


class Api(SphinxDirective):
    """The names of a module, one on each line of the content; ``...`` stands for those of the stub that no directive
    above has named.
    """

    required_arguments = 1
    has_content = True

    def run(self):
        (module,) = self.arguments
        made = [f"```{{py:currentmodule}} {module}\n```"]
        told = self.env.temp_data.setdefault("api", {"__version__"})
        for line in self.content:
            names = [name for name in public() if name not in told] if line == "..." else [line]
            told.update(names)
            for name in names:
                made += described(module, name)
        return self.parse_text_to_nodes("\n\n".join(made))


def public():
    """The public names of the stub, in its order."""
    for node in parsed(STUB):
        name = node.target.id if isinstance(node, ast.AnnAssign) else getattr(node, "name", "_")
        if not name.startswith("_"):
            yield name


def described(module, name):
    """A function, a class with its members, or a value."""
    node, body = found(module, name)
    if isinstance(node, ast.ClassDef):
        kind = "exception" if name.endswith("Error") else "class"
        head = "" if kind == "exception" else f"({constructor(node)})"
        inside = "\n\n".join(each for base in bases(node, body) for each in members(base))
        text = markdown(ast.get_docstring(node), arguments(head))
        yield f"`````{{py:{kind}}} {name}{head}\n{text}\n\n{inside}\n`````"
    elif isinstance(node, ast.FunctionDef):
        head = signature_of(node)
        yield f"````{{py:function}} {name}{head}\n{markdown(ast.get_docstring(node), arguments(head))}\n````"
    else:
        text, kind = node
        yield f"````{{py:data}} {name}\n:type: {kind}\n\n{markdown(text)}\n````"


def arguments(signature):
    """The names of the arguments in a signature, which are no links."""
    return set(re.findall(r"(\w+)(?=:|=|,|\))", signature.partition(" -> ")[0]))


@cache
def parsed(path):
    return ast.parse(Path(path).read_text()).body


def found(module, name):
    """The node of a name, and the file that it is in. A value is its text and its type."""
    is_native = module == "netmon._core" or name in netmon._MODULES["_core"]
    body = parsed(STUB if is_native else inspect.getsourcefile(getattr(import_module(module), name)))
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name:
            return node, body
        if isinstance(node, ast.AnnAssign) and node.target.id == name:
            return (text_of(after), ast.unparse(node.annotation)), body
    raise LookupError(name)


def text_of(node):
    """The text that stands behind a value as its docstring."""
    return node.value.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) else ""


def bases(node, body):
    """The class, and those of its bases in the same file that have members: they have no page of their own."""
    known = {each.name: each for each in body if isinstance(each, ast.ClassDef)}
    yield node
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in known and base.id.startswith("_C"):
            yield from bases(known[base.id], body)


def members(node):
    """The public members of a class that have a docstring, and the fields of a named tuple."""
    is_tuple = any(ast.unparse(base) == "NamedTuple" for base in node.bases)
    for member, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(member, ast.FunctionDef) and is_public(member):
            yield method(member)
        elif isinstance(member, ast.AnnAssign) and is_tuple:
            head = f"````{{py:attribute}} {member.target.id}\n:type: {ast.unparse(member.annotation)}"
            yield f"{head}\n\n{markdown(text_of(after))}\n````"


def is_public(member):
    return bool(ast.get_docstring(member)) and not member.name.startswith("_")


def method(node):
    kinds = {ast.unparse(each) for each in node.decorator_list}
    if "property" in kinds:
        text = markdown(ast.get_docstring(node))
        return f"````{{py:property}} {node.name}\n:type: {ast.unparse(node.returns)}\n\n{text}\n````"
    head = signature_of(node, is_bound="staticmethod" not in kinds)
    text = markdown(ast.get_docstring(node), arguments(head))
    options = "".join(f":{kind}:\n" for kind in ("classmethod", "staticmethod") if kind in kinds)
    return f"````{{py:method}} {node.name}{head}\n{options}\n{text}\n````"


def constructor(node):
    """The arguments with which an object of a class is made; empty if only netmon makes it."""
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name in {"__new__", "__init__"}:
            return signature_of(member, is_bound=True).partition(" -> ")[0][1:-1]
    return ""


def signature_of(node, *, is_bound=False):
    given = ast.unparse(node.args)
    if is_bound:
        given = given.partition(",")[2].strip().removeprefix("/, ")
    given = given.replace(CAPTURE_SETTINGS, capture_settings())
    given = re.sub(r"DEFAULTS\['(\w+)'\]", lambda setting: f"{DEFAULTS[setting[1]]!r}", given)
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"({given}){returns}"


def capture_settings():
    """The settings that the engine takes, each as an argument."""
    kinds = {name: getattr(kind, "__forward_arg__", kind) for name, kind in CaptureSettings.__annotations__.items()}
    return ", ".join(f"{name}: {kind} = {DEFAULTS[name]!r}" for name, kind in kinds.items())


def without_links(app, doctree):
    """Types of the standard library are no links. Sphinx would take `bytes` for an attribute of that name."""
    for node in list(doctree.findall(pending_xref)):
        last = node["reftarget"].rpartition(".")[2]
        if node["reftype"] == "class" and (last in PRIVATE or any(hasattr(module, last) for module in ELSEWHERE)):
            node.replace_self(node.children)


def resolve(app, env, node, shown):
    """A link from a name that Sphinx does not find: a type of the core, a member without its class, or an argument."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].removeprefix("netmon.")
    known = env.domains["py"].objects
    for full in (f"netmon.{target}", f"netmon._core.{target}", f"netmon.alerts.{target}", f"netmon.Snapshot.{target}"):
        if place := known.get(full):
            return make_refnode(app.builder, node["refdoc"], place.docname, place.node_id, shown)
    return shown if node["reftype"] == "obj" and target == target.lower() else None


def setup(app):
    app.add_directive("api", Api)
    app.connect("doctree-read", without_links)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Renders the part of Helm's template language that our chart uses, without Helm; anything else is an error.

Known: actions with `{{-` and `-}}`, comments, `define`, `include`, `if` / `else if` / `else`, `range` over lists and maps,
fields, variables of `range`, pipelines, strings, and the functions below. What Helm does with them is in its documentation
("Template Functions and Pipelines"); text that this renderer accepts, Helm renders the same way.
"""

import hashlib
import re
from pathlib import Path

import yaml

_ACTION = re.compile(r"\{\{(-?)\s*(/\*.*?\*/|.*?)\s*(-?)\}\}", re.DOTALL)
_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|\(|\)|\||[^\s()|"]+)')


def render(chart, values, *, release="shop", namespace="default"):
    """Return the documents of a chart."""
    chart = Path(chart)
    merged = _merged(yaml.safe_load((chart / "values.yaml").read_text()), values)
    meta = yaml.safe_load((chart / "Chart.yaml").read_text())
    scope = {
        "Values": merged,
        "Release": {"Name": release, "Namespace": namespace},
        "Chart": {"Name": meta["name"], "Version": meta["version"], "AppVersion": meta["appVersion"]},
    }
    templates = {}
    for path in sorted((chart / "templates").glob("*.tpl")):
        _Renderer(templates).run(_parse(path.read_text()), scope, {})
    texts = [
        _Renderer(templates).run(_parse(path.read_text()), scope, {})
        for path in sorted((chart / "templates").glob("*.yaml"))
    ]
    return [document for text in texts for document in yaml.safe_load_all(text) if document]


def _merged(base, over):
    if isinstance(base, dict) and isinstance(over, dict) and base:
        return base | {key: _merged(base.get(key), value) for key, value in over.items()}
    return over


def _parse(text):
    """Return texts and actions, white space trimmed as the dashes say, nested by blocks."""
    parts, end, trim = [], 0, False
    for found in _ACTION.finditer(text):
        before = text[end : found.start()]
        before = before.lstrip() if trim else before
        parts.append(("text", before.rstrip() if found[1] else before))
        if not found[2].startswith("/*"):
            parts.append(("action", found[2]))
        end, trim = found.end(), bool(found[3])
    parts.append(("text", text[end:].lstrip() if trim else text[end:]))
    tree, rest = _block(parts)
    assert not rest, "an `end` too many"
    return tree


def _block(parts):
    tree = []
    while parts:
        kind, content = parts.pop(0)
        word = content.split(" ", 1)[0] if kind == "action" else ""
        if word in ("if", "range", "define"):
            branches = [(content, *_branch(parts))]
            while branches[-1][2] != "end":
                branches.append((branches[-1][2], *_branch(parts)))
            tree.append((word, branches))
        elif word in ("end", "else"):
            parts.insert(0, (kind, content))
            return tree, parts
        else:
            tree.append((kind, content))
    return tree, parts


def _branch(parts):
    tree, _ = _block(parts)
    assert parts, "a block without `end`"
    return tree, parts.pop(0)[1]


class _Renderer:
    def __init__(self, templates):
        self.templates = templates

    def run(self, tree, dot, names):
        return "".join(self._one(node, dot, names) for node in tree)

    def _one(self, node, dot, names):
        kind, content = node
        if kind == "text":
            return content
        if kind == "define":
            [(head, body, _)] = content
            self.templates[yaml.safe_load(head.removeprefix("define "))] = body
            return ""
        if kind == "if":
            for head, body, _ in content:
                condition = head.removeprefix("else").strip().removeprefix("if").strip()
                if not condition or self.evaluate(condition, dot, names):
                    return self.run(body, dot, names)
            return ""
        if kind == "range":
            return self._range(content, dot, names)
        value = self.evaluate(content, dot, names)
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _range(self, content, dot, names):
        [(head, body, _)] = content
        head = head.removeprefix("range ")
        if ":=" not in head:
            return "".join(self.run(body, item, names) for item in self.evaluate(head, dot, names) or ())
        variables, source = (part.strip() for part in head.split(":="))
        key, value = (name.strip() for name in variables.split(","))
        items = sorted(self.evaluate(source, dot, names).items())
        return "".join(self.run(body, item, names | {key: name, value: item}) for name, item in items)

    def evaluate(self, text, dot, names):
        tokens = _TOKEN.findall(text)
        value, rest = self._pipeline(tokens, dot, names)
        assert not rest, f"cannot read {text!r}"
        return value

    def _pipeline(self, tokens, dot, names):
        value, tokens = self._command(tokens, dot, names, ())
        while tokens and tokens[0] == "|":
            value, tokens = self._command(tokens[1:], dot, names, (value,))
        return value, tokens

    def _command(self, tokens, dot, names, piped):
        head, tokens = tokens[0], tokens[1:]
        arguments = []
        if head == "(":
            value, tokens = self._pipeline(tokens, dot, names)
            assert tokens[0] == ")"
            tokens = tokens[1:]
        elif head.startswith(('"', ".", "$")):
            value = self._value(head, dot, names)
        else:
            while tokens and tokens[0] not in ("|", ")"):
                if tokens[0] == "(":
                    argument, tokens = self._pipeline(tokens[1:], dot, names)
                    assert tokens[0] == ")"
                    tokens = tokens[1:]
                else:
                    argument, tokens = self._value(tokens[0], dot, names), tokens[1:]
                arguments.append(argument)
            return self._call(head, [*arguments, *piped]), tokens
        assert not piped, "a value takes nothing from a pipe"
        return value, tokens

    def _value(self, token, dot, names):
        if token.startswith('"') or token.isdigit():
            return yaml.safe_load(token)
        if token == ".":
            return dot
        name, *fields = token.split(".")
        value = names[name] if name.startswith("$") else dot
        for field in fields:
            value = value[field]
        return value

    def _call(self, name, arguments):
        match name:
            case "include":
                return self.run(self.templates[arguments[0]], arguments[1], {})
            case "toYaml":
                return yaml.safe_dump(arguments[0], default_flow_style=False).rstrip("\n")
            case "nindent":
                pad = " " * arguments[0]
                return "\n" + "\n".join(f"{pad}{line}" if line else line for line in str(arguments[1]).splitlines())
            case "quote":
                return f'"{arguments[0]}"'
            case "default":
                return arguments[1] or arguments[0]
            case "sha256sum":
                return hashlib.sha256(arguments[0].encode()).hexdigest()
            case "not":
                return not arguments[0]
            case "and":
                return next((item for item in arguments if not item), arguments[-1])
            case "or":
                return next((item for item in arguments if item), arguments[-1])
        raise AssertionError(f"the function {name!r} is not known here")

"""Ways of writing one chat message on the wire: honest ones, and those that two parsers read differently."""

import gzip
import json
import zlib


def _text(text):
    return json.dumps(text)


def _escaped(text):
    return '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in text) + '"'


def _chat(content, before="", after="", outer_before="", outer_after=""):
    message = f'{{{before}"role":"user","content":{content}{after}}}'
    return f'{{{outer_before}"model":"m","messages":[{message}]{outer_after}}}'


_HI = '"hi"'


def wire_bodies(text):
    """Return the bodies by name, each a pair: bytes, content type."""
    evil, coded = _text(text), _escaped(text)
    good = '[{"role":"user","content":"hi"}]'
    bad = f'[{{"role":"user","content":{evil}}}]'
    part = f'[{{"type":"text","text":{evil}}}]'
    plain = {
        "plain": _chat(evil),
        "escaped": _chat(coded),
        "escaped key": _chat(evil).replace('"content"', '"\\u0063ontent"'),
        "part": _chat(part),
        "two parts": _chat(f'[{{"type":"text","text":"hi"}},{{"type":"text","text":{evil}}}]'),
        "odd part": _chat(f'[{{"type":"unheard of","words":{evil}}}]'),
        "nested part": _chat(f'[{{"type":"x","y":{{"z":[{evil}]}}}}]'),
        "content twice, bad last": _chat(_HI, after=f',"content":{evil}'),
        "content twice, bad first": _chat(evil, after=f',"content":{_HI}'),
        "content twice, one escaped": _chat(evil, after=f',"conten\\u0074":{_HI}'),
        "messages twice, bad last": f'{{"messages":{good},"messages":{bad}}}',
        "messages twice, bad first": f'{{"messages":{bad},"messages":{good}}}',
        "messages twice, escaped": f'{{"messages":{bad},"m\\u0065ssages":{good}}}',
        "message twice": _chat(evil, before='"role":"system","content":"hi",'),
        "content beside content_blocks": _chat(_HI, after=f',"content_blocks":{part}'),
        "text beside content": _chat(_HI, after=f',"text":{evil}'),
        "name": _chat(_HI, after=f',"name":{evil}'),
        "unknown field": _chat(_HI, outer_after=f',"x_extra":{evil}'),
        "unknown key": _chat(_HI, outer_after=f",{evil}:1"),
        "metadata": _chat(_HI, outer_after=f',"metadata":{{"a":{{"b":{evil}}}}}'),
        "input beside messages": _chat(_HI, outer_after=f',"input":{evil}'),
        "prompt beside messages": _chat(_HI, outer_after=f',"prompt":{evil}'),
        "system": _chat(_HI, outer_before=f'"system":{evil},'),
        "instructions": _chat(_HI, outer_after=f',"instructions":{evil}'),
        "tool description": _chat(
            _HI, outer_after=f',"tools":[{{"type":"function","function":{{"name":"f","description":{evil}}}}}]'
        ),
        "tool result": f'{{"messages":[{{"role":"tool","tool_call_id":"1","content":{evil}}}]}}',
        "tool arguments": _chat(
            _HI,
            after=',"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":'
            + _text(json.dumps({"a": text}))
            + "}}]",
        ),
        "assistant before": f'{{"messages":[{{"role":"assistant","content":{evil}}},{{"role":"user","content":"go"}}]}}',
        "no role": f'{{"messages":[{{"content":{evil}}}]}}',
        "list of texts": f'{{"messages":[{evil}]}}',
        "deep": _chat(_HI, outer_after=',"a":' + "[" * 50 + evil + "]" * 50),
        "too deep": _chat(_HI, outer_after=',"a":' + "[" * 3000 + evil + "]" * 3000),
        "trailing object": _chat(_HI) + _chat(evil),
        "trailing garbage": _chat(evil) + "}}",
        "leading space": " \t\r\n" + _chat(evil),
        "two lines": _chat(_HI) + "\n" + _chat(evil) + "\n",
        "NaN beside": _chat(evil, outer_after=',"t":NaN'),
        "1e400 beside": _chat(evil, outer_after=',"t":1e400'),
        "huge number": _chat(evil, outer_after=',"t":' + "9" * 400),
        "lone surrogate": _chat(evil[:-1] + '\\ud800"'),
        "control character": _chat(evil[:-1] + '\x01"'),
        "single quotes": _chat(evil).replace('"role"', "'role'"),
        "comment": _chat(evil).replace("{", "{/* x */", 1),
        "trailing comma": _chat(evil)[:-1] + ",}",
        "padding": _chat(evil, outer_before=f'"pad":{_text("lorem ipsum " * 2000)},'),
    }
    made = {name: (body.encode("utf-8", "surrogatepass"), "application/json") for name, body in plain.items()}
    base = _chat(evil)
    made["byte-order mark"] = (b"\xef\xbb\xbf" + base.encode(), "application/json")
    made["UTF-16"] = (base.encode("utf-16"), "application/json")
    made["UTF-16 LE without mark"] = (base.encode("utf-16-le"), "application/json")
    made["UTF-32"] = (base.encode("utf-32"), "application/json")
    made["charset UTF-16"] = (base.encode("utf-16"), "application/json; charset=utf-16")
    made["charset UTF-7"] = (base.encode("utf-7"), "application/json; charset=utf-7")
    made["invalid UTF-8"] = (base.encode().replace(b'"role"', b'"\xff":1,"role"'), "application/json")
    made["overlong UTF-8"] = (base.encode().replace(b"/", b"\xc0\xaf") + b"\xc0\xaf", "application/json")
    made["no content type"] = (base.encode(), "")
    made["text/plain"] = (base.encode(), "text/plain")
    made["gzip, not said"] = (gzip.compress(base.encode()), "application/json")
    made["deflate, not said"] = (zlib.compress(base.encode()), "application/json")
    return made


def _first_wins(pairs):
    made = {}
    for key, value in pairs:
        made.setdefault(key, value)
    return made


def _strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def readings(body):
    """All strings that some parser may find in a body: first or last key wins, any Unicode coding, inflated."""
    found = []
    for inflate in (bytes, gzip.decompress, zlib.decompress):
        try:
            data = inflate(body)
        except (OSError, zlib.error, EOFError):
            continue
        for coding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-7"):
            try:
                text = data.decode(coding)
            except (UnicodeDecodeError, UnicodeError):
                continue
            for hook in (dict, _first_wins):
                try:
                    value, _ = json.JSONDecoder(object_pairs_hook=hook, strict=False).raw_decode(text.lstrip())
                except (ValueError, RecursionError):
                    continue
                found += list(_strings(value))
    return found

"""The Python API of `liteproof_edge`, from its docstrings."""

import inspect
import re
from collections.abc import Iterator

import griffe

import liteproof_edge

INTRODUCTION = """# Python API

What `import liteproof_edge` gives, on a device or a host; all else is internal and may change.
Made from the docstrings by `make docs`.

```python
from liteproof_edge import Classifier

with Classifier.load("models/mnist") as classifier:
    prediction = classifier.classify("tests/pictures/three.jpg")
print(prediction)  # 3 (100.0%, 78 µs)
print(prediction.top)  # the three most probable labels
print(prediction.preprocessing)  # what was found, where, and what is in doubt
print(prediction.is_unsure(0.9))  # False
```

`classify` takes a path, a file's bytes, a Pillow image or an array, and prepares it as the
bundle says. `classify_tensor` takes an array that already is the model's input, such as MNIST's
own, and `classify_tensors` takes many of them. Threads may share a classifier.
"""
SECTIONS = {"parameters": "Takes", "attributes": "Attributes", "raises": "Raises"}


def python_page() -> str:
    """Return the page, in Markdown."""
    public = {name: getattr(liteproof_edge, name) for name in liteproof_edge.__all__}
    errors = {name for name, value in public.items() if _is_error(value)}
    functions = {name for name, value in public.items() if inspect.isfunction(value)}
    classes = public.keys() - errors - functions
    return "\n".join(
        [
            INTRODUCTION,
            "## Classes\n",
            *(_class(name, public[name]) for name in sorted(classes)),
            "## Functions\n",
            *(_function(name, public[name], "###") for name in sorted(functions)),
            "## Errors\n",
            "| error | exit code of the commands | when |\n|---|---|---|",
            *(
                f"| `{name}` | {public[name].exit_code} | {inspect.getdoc(public[name])} |"
                for name in sorted(errors, key=lambda name: (public[name].exit_code, name))
            ),
            "",
        ]
    )


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, liteproof_edge.LiteproofError)


def _class(name: str, kind: type) -> str:
    parts = [f"### `{name}`\n", _docstring(kind)]
    for member, value in vars(kind).items():
        if member.startswith("_") or not inspect.getdoc(value):
            continue
        if isinstance(value, property):
            parts.append(f"#### `{name}.{member}`\n\n{_docstring(value)}")
        elif callable(getattr(kind, member)) and not isinstance(value, type):
            parts.append(_function(f"{name}.{member}", getattr(kind, member), "####"))
    return "\n".join(parts)


def _function(name: str, function: object, heading: str) -> str:
    signature = str(inspect.signature(function)).replace("(self, ", "(").replace("(self)", "()")  # type: ignore[arg-type]
    signature = re.sub(r"<function .* at 0x\w+>", "…", signature)
    plain = re.sub(r"(?:\w+\.)+(\w+)", r"\1", signature).replace("'", "").replace('"', "")
    return f"{heading} `{name}`\n\n```python\n{name}{plain}\n```\n\n{_docstring(function)}"


def _docstring(value: object) -> str:
    sections = griffe.Docstring(inspect.getdoc(value) or "").parse("google", warnings=False)
    return "\n".join(line for section in sections for line in _section(section))


def _section(section: griffe.DocstringSection) -> Iterator[str]:
    kind = section.kind.value
    if kind == "text":
        yield f"{section.value}\n"
    elif kind in SECTIONS:
        yield f"*{SECTIONS[kind]}*\n"
        for item in section.value:
            name = item.annotation if kind == "raises" else item.name
            yield f"- `{name}`: {_line(item.description)}"
        yield ""
    elif kind in {"returns", "yields"}:
        yield f"*{kind.capitalize()}* {_line(' '.join(i.description for i in section.value))}\n"


def _line(text: str) -> str:
    return " ".join(text.split())

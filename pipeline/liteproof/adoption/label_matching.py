"""Which of a model's labels is meant by the name of a folder of pictures."""

import re
from collections.abc import Sequence


def match(folders: Sequence[str], labels: Sequence[str]) -> list[int | None]:
    """Return, for each folder, where its label stands among the labels; None where none is meant.

    Where the very name is no label, case, spaces and punctuation do not count, and of a label that
    lists synonyms, as ImageNet's do ("tench, Tinca tinca"), the first is enough, so long as one
    label alone is meant. Folders that all have numbers for names are places, counted from 0.

    Args:
        folders: their names.
        labels: the classes, in the order of the outputs.
    """
    exact = {label: place for place, label in enumerate(labels)}
    if not any(name in exact for name in folders) and all(map(_is_number, folders)):
        return [int(name) if int(name) < len(labels) else None for name in folders]
    loose: dict[str, set[int]] = {}
    for place, label in enumerate(labels):
        for key in {_key(label), _key(label.partition(",")[0])}:
            loose.setdefault(key, set()).add(place)

    def place_of(name: str) -> int | None:
        meant = loose.get(_key(name), set())
        return exact.get(name, next(iter(meant)) if len(meant) == 1 else None)

    return [place_of(name) for name in folders]


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit()


def _key(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name.casefold()).strip()

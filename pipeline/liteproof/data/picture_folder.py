"""An image folder as a dataset: what `liteproof data` recorded of it, in `source.json`.

The pictures stay where they are; the record says which of them are used, and for what.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from liteproof.data.folder_listing import Listed, list_pictures
from liteproof.data.source import Labelled, Part, Pictures
from liteproof.recipes.input_spec import Original
from liteproof.storage import write_file
from liteproof_edge.errors import DatasetError

RECORD = "source.json"
GREY = "L"  # Pillow's name


@dataclass(frozen=True, slots=True)
class PictureFolder:
    """An image folder, every picture of which can be read.

    Attributes:
        name: what recipes call it.
        folder: where it is; absolute.
        state: of its files, as they were when they were checked.
        labels: the classes' names, sorted.
        train: the pictures to learn from, and to validate with.
        test: those for the comparison only.
        skipped: paths of pictures that are left out because they cannot be read.
        ignored: how many files and folders are not pictures, or lie too deep.
        smallest: height and width of the picture with the fewest pixels.
        largest: of the one with the most.
        modes: each kind of pixels (L: grey, RGB, RGBA) that there is, and how many have it.
    """

    name: str
    folder: Path
    state: str
    labels: tuple[str, ...]
    train: tuple[Listed, ...]
    test: tuple[Listed, ...]
    skipped: tuple[str, ...]
    ignored: int
    smallest: tuple[int, int]
    largest: tuple[int, int]
    modes: tuple[tuple[str, int], ...]

    @property
    def title(self) -> str:
        """Its name; a folder has no version."""
        return self.name

    @property
    def place(self) -> Path:
        """The folder."""
        return self.folder

    def open(self) -> Pictures:
        """Return the pictures, as files."""
        return Pictures(
            labels=self.labels,
            original=Original(
                size=self.smallest if self.smallest == self.largest else None,
                channels=1 if {mode for mode, _ in self.modes} == {GREY} else 3,
                is_input=False,
            ),
            train=self._part(self.train),
            test=self._part(self.test),
        )

    def _part(self, listed: tuple[Listed, ...]) -> Part:
        def read() -> Iterator[Labelled]:
            for path, label in listed:
                yield Labelled(self.folder / path, label)

        return Part(len(listed), read, lambda index: str(self.folder / listed[index].path))

    def summary(self) -> str:
        """Return what is in it, in a line."""
        sizes = " to ".join(
            f"{height}x{width}" for height, width in sorted({self.smallest, self.largest})
        )
        pictures = f"{len(self.train)} training and {len(self.test)} test pictures of {sizes}"
        modes = ", ".join(f"{n} {mode}" for mode, n in self.modes)
        parts = [f"{self.title}: {pictures}, {len(self.labels)} classes", modes]
        if self.skipped:
            parts.append(f"{len(self.skipped)} unreadable, left out")
        if self.ignored:
            parts.append(f"{self.ignored} other files or folders, ignored")
        return "; ".join(parts)


def record_path(name: str, data_dir: Path) -> Path:
    """Return where a dataset's record is, if it is an image folder."""
    return data_dir / name / RECORD


def record(folder: PictureFolder, data_dir: Path) -> None:
    """Make an image folder the dataset of its name.

    Raises:
        StorageError: `data_dir` cannot be written.
    """
    values = {**asdict(folder), "folder": str(folder.folder)}
    write_file(record_path(folder.name, data_dir), json.dumps(values))


def recorded_name(name: str, data_dir: Path) -> Path | None:
    """Return where the image folder is, or was, that has a name; None where none has it."""
    try:
        value = json.loads(record_path(name, data_dir).read_text(encoding="utf-8"))
        return Path(value["folder"])
    except (OSError, ValueError, KeyError, TypeError):  # none, or damaged: it may be replaced
        return None


def recorded_folder(name: str, data_dir: Path) -> PictureFolder | None:
    """Return the image folder that is the dataset of a name, or None where there is none.

    Raises:
        DatasetError: the record is damaged, or the folder is gone or has changed since.
    """
    path = record_path(name, data_dir)
    try:
        found = _from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{path}: damaged: {error!r}; run `liteproof data {name} --from DIR` again"
        ) from None
    again = f"run `liteproof data {name} --from {found.folder}` again"
    if not found.folder.is_dir():
        raise DatasetError(
            f"{found.folder}: is gone, and {name} consists of its pictures; bring it back, or "
            f"{again}"
        )
    try:
        state = list_pictures(found.folder).state
    except DatasetError as error:
        raise DatasetError(f"{error}; it has changed: fix it, then {again}") from None
    if state != found.state:
        raise DatasetError(f"{found.folder}: has changed since {name} was checked; {again}")
    return found


def _from_json(values: Any) -> PictureFolder:  # noqa: ANN401
    def listed(part: str) -> tuple[Listed, ...]:
        return tuple(Listed(str(path), int(label)) for path, label in values[part])

    return PictureFolder(
        name=str(values["name"]),
        folder=Path(values["folder"]),
        state=str(values["state"]),
        labels=tuple(values["labels"]),
        train=listed("train"),
        test=listed("test"),
        skipped=tuple(values["skipped"]),
        ignored=int(values["ignored"]),
        smallest=_size(values["smallest"]),
        largest=_size(values["largest"]),
        modes=tuple((str(mode), int(n)) for mode, n in values["modes"]),
    )


def _size(values: Any) -> tuple[int, int]:  # noqa: ANN401
    height, width = values
    return int(height), int(width)

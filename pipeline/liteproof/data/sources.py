"""Finding and getting a dataset by its name: an image folder that was recorded, or TFDS's."""

from dataclasses import dataclass
from pathlib import Path

from liteproof.data.acquisition import Report, acquire, prepared_folder
from liteproof.data.folder_check import check_folder
from liteproof.data.picture_folder import PictureFolder, record, record_path, recorded_folder
from liteproof.data.prepared import Prepared
from liteproof.locking import taking_turns
from liteproof.storage import writing
from liteproof_edge import idx
from liteproof_edge.errors import DatasetError


def lock_file(name: str, data_dir: Path) -> Path:
    """Return the lock of a dataset, for `taking_turns`: held while it, or its arrays, are made."""
    return data_dir / ".liteproof" / f"{name.replace('/', '-')}.lock"


def find_source(name: str, data_dir: Path) -> PictureFolder | Prepared | None:
    """Return a dataset that is at hand, without importing TFDS. An image folder comes first.

    Raises:
        DatasetError: it is an image folder that is gone, or has changed since it was checked.
    """
    if folder := recorded_folder(name, data_dir):
        return folder
    place = prepared_folder(name, data_dir)
    return Prepared(name, place) if place else None


@dataclass(frozen=True, slots=True)
class Given:
    """A folder of the user's that becomes the dataset of a name.

    Attributes:
        folder: of raw IDX files, or of pictures.
        skip_unreadable: leave out pictures that cannot be read.
    """

    folder: Path
    skip_unreadable: bool = False


def get_source(
    name: str, data_dir: Path, report: Report, given: Given | None = None
) -> PictureFolder | Prepared:
    """Make sure that a dataset is at hand, and return it.

    Args:
        name: as TFDS calls it; any name with `given`.
        data_dir: TFDS's folder.
        report: told in a line what happens.
        given: what becomes the dataset of that name.

    Raises:
        DatasetError: it cannot be obtained (the message names every remedy), or `given` cannot be
            used.
        StorageError: `data_dir` cannot be written.
    """
    if given is None and (found := find_source(name, data_dir)):
        return found
    with taking_turns(lock_file(name, data_dir), "data"):
        if given is None:  # it may have been made while this process waited
            found = find_source(name, data_dir)
            return found or Prepared(name, acquire(name, data_dir, None, report))
        return _take(name, data_dir, report, given)


def _take(name: str, data_dir: Path, report: Report, given: Given) -> PictureFolder | Prepared:
    """Make a folder the dataset of a name, in the place of what had that name."""
    folder = given.folder
    if not folder.is_dir():
        raise DatasetError(f"{folder}: not a folder; expected one of pictures, or of IDX files")
    if not idx.is_idx_folder(folder):
        pictures = check_folder(name, folder, report, skip_unreadable=given.skip_unreadable)
        record(pictures, data_dir)
        if hidden := prepared_folder(name, data_dir):
            where = record_path(name, data_dir)
            report(f"{name}: takes the place of {hidden}, until {where} is removed")
        return pictures
    prepared = Prepared(name, acquire(name, data_dir, folder, report))
    path = record_path(name, data_dir)
    with writing(path):
        path.unlink(missing_ok=True)
    return prepared

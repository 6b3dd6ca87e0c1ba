"""Finding and getting a dataset by its name: an image folder that was recorded, or TFDS's."""

from pathlib import Path

from liteproof.data.acquisition import Report, acquire, prepared_folder
from liteproof.data.folder_check import check_folder
from liteproof.data.picture_folder import PictureFolder, record, record_path, recorded_folder
from liteproof.data.prepared import Prepared
from liteproof.storage import writing
from liteproof_edge import idx
from liteproof_edge.errors import DatasetError


def find_source(name: str, data_dir: Path) -> PictureFolder | Prepared | None:
    """Return a dataset that is at hand, without importing TFDS. An image folder comes first.

    Raises:
        DatasetError: it is an image folder that is gone, or has changed since it was checked.
    """
    if folder := recorded_folder(name, data_dir):
        return folder
    place = prepared_folder(name, data_dir)
    return Prepared(name, place) if place else None


def get_source(
    name: str,
    data_dir: Path,
    report: Report,
    given: Path | None = None,
    *,
    skip_unreadable: bool = False,
) -> PictureFolder | Prepared:
    """Make sure that a dataset is at hand, and return it.

    Args:
        name: TFDS's name of it, or with `given` any name.
        data_dir: TFDS's folder.
        report: told in a line what happens.
        given: a folder of raw IDX files or of pictures that becomes the dataset of that name.
        skip_unreadable: leave out pictures of it that cannot be read.

    Raises:
        DatasetError: it is not to be had, with every remedy, or `given` cannot be used.
        StorageError: `data_dir` cannot be written.
    """
    if given is None:
        return find_source(name, data_dir) or Prepared(name, acquire(name, data_dir, None, report))
    if not given.is_dir():
        raise DatasetError(f"{given}: not a folder; expected one of pictures, or of IDX files")
    if not idx.is_idx_folder(given):
        folder = check_folder(name, given, report, skip_unreadable=skip_unreadable)
        record(folder, data_dir)
        if hidden := prepared_folder(name, data_dir):
            where = record_path(name, data_dir)
            report(f"{name}: takes the place of {hidden}, until {where} is removed")
        return folder
    prepared = Prepared(name, acquire(name, data_dir, given, report))
    path = record_path(name, data_dir)
    with writing(path):
        path.unlink(missing_ok=True)
    return prepared

"""Labels that stand in a table beside the images, in place of class folders."""

import csv
import json
from pathlib import Path
from typing import Any

from keras_gan.errors import UserError

# Names of tables, as their users call them: ours, that of Hugging Face's image folders, and that of StyleGAN.
TABLES = ("labels.csv", "metadata.csv", "dataset.json")
FILE_COLUMNS = ("file", "file_name", "filename", "image", "path", "name")
LABEL_COLUMNS = ("label", "class", "category", "target")


def table_in(folder: Path) -> Path | None:
    """Returns the table of labels in a folder, or `None`."""
    return next((folder / name for name in TABLES if (folder / name).is_file()), None)


def read(table: Path) -> dict[str, str | None]:
    """Returns the label of each image by the name of its file, relative to the table's folder; `None` for none.

    A `.csv` has a column with the names of the files and one with labels: `file,label`. `dataset.json` is that of
    StyleGAN: `{"labels": [["a.png", 3], ...]}`.

    Raises:
        UserError: if it is another one, or cannot be read.
    """
    try:
        text = table.read_text(encoding="utf-8-sig")
        found = _of_json(json.loads(text)) if table.suffix == ".json" else _of_csv(table, text)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, csv.Error) as error:
        raise UserError(f"{table} cannot be read: {' '.join(str(error).split())}") from None
    if not found:
        raise UserError(f"{table} names no images")
    return {Path(str(name).strip().replace("\\", "/")).as_posix(): label for name, label in found}


def class_order(labels: set[str]) -> list[str]:
    """Returns labels in order: numbers by their value, others by the alphabet."""
    return sorted(labels, key=lambda label: (0, int(label), "") if label.isdecimal() else (1, 0, label))


def _of_csv(table, text):
    try:
        dialect = csv.Sniffer().sniff(text[:4096], delimiters=",;\t")
    except csv.Error:  # One column has no delimiter.
        dialect = csv.excel
    header, *rows = [row for row in csv.reader(text.splitlines(), dialect) if row] or [[]]
    names = [name.strip().lower() for name in header]
    file = next((names.index(name) for name in FILE_COLUMNS if name in names), None)
    label = next((names.index(name) for name in LABEL_COLUMNS if name in names), None)
    if file is None or (label is None and len(names) > 1):
        raise UserError(
            f"{table} must begin with the names of its columns, file and label, such as `file,label`; it has "
            f"{', '.join(header[:10]) or 'none'}"
        )
    short = next((row for row in rows if len(row) < len(names)), None)
    if short:
        raise UserError(f"{table} has a line with too few columns: {short}")
    return [(row[file], None if label is None else row[label].strip()) for row in rows]


def _of_json(content):
    labels = content.get("labels") if isinstance(content, dict) else None
    rows: list[Any] = labels if isinstance(labels, list) else [()]
    if not all(isinstance(row, list) and len(row) == 2 and not isinstance(row[1], (list, dict)) for row in rows):
        raise UserError('dataset.json must be like {"labels": [["a.png", 3], ["b.png", 0]]}')
    return [(name, None if label is None else str(label)) for name, label in rows]

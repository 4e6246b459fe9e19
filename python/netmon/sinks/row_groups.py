"""Puts Parquet files together to one that has the row groups of all. Whole files and offsets in, bytes out. Pure.

arro3 writes whole files only, and decides by the number of rows where a row group ends. Here each window is such a
file; what is between its first bytes and its metadata goes into the common file, and offsets are moved.
"""

from __future__ import annotations

from typing import NamedTuple

from netmon.sinks import thrift
from netmon.sinks.thrift import I16, I64, LIST, STRUCT, Struct

MAGIC = b"PAR1"

# Fields of the structs in parquet.thrift.
ROWS, GROUPS = 3, 4  # of FileMetaData
COLUMNS, GROUP_ROWS, GROUP_OFFSET, ORDINAL = 1, 3, 5, 7  # of RowGroup
CHUNK_OFFSET, CHUNK_METADATA = 2, 3  # of ColumnChunk
OFFSET_INDEX, COLUMN_INDEX, INDEX_FIELDS = 4, 6, (4, 5, 6, 7)
PAGE_OFFSETS = (9, 10, 11)  # of ColumnMetaData: data pages, index page, dictionary page


class Part(NamedTuple):
    """The row groups of one file."""

    body: bytes
    """The pages of its columns."""
    groups: list[Struct]
    """What the metadata says of each row group, with offsets as in the file it comes from."""
    metadata: Struct
    """All that the metadata says, without the row groups."""


def split(data: bytes) -> Part:
    """Takes a Parquet file apart. Indexes of pages are left out, since they have offsets of their own."""
    size = int.from_bytes(data[-8:-4], "little")
    metadata = thrift.read(data[-8 - size : -8])
    groups: list[Struct] = metadata[GROUPS][1][1]
    end = len(data) - 8 - size
    for group in groups:
        for column in group[COLUMNS][1][1]:
            end = min([end, *(column[field][1] for field in (OFFSET_INDEX, COLUMN_INDEX) if field in column)])
            for field in INDEX_FIELDS:
                column.pop(field, None)
    metadata[GROUPS] = (LIST, (STRUCT, []))
    return Part(data[len(MAGIC) : end], groups, metadata)


def placed(part: Part, at: int, number: int) -> list[tuple[int, bytes]]:
    """The row groups of a part whose body begins at byte `at` of a file: the rows of each, and its metadata.

    `number` is the number of row groups before it.
    """
    found, by = [], at - len(MAGIC)
    for ordinal, group in enumerate(part.groups, number):
        if ORDINAL in group:
            group[ORDINAL] = (I16, ordinal)
        _move(group, by)
        found.append((group[GROUP_ROWS][1], thrift.write(group)))
        _move(group, -by)  # so that a part can be placed again
    return found


def footer(metadata: Struct, groups: list[tuple[int, bytes]]) -> bytes:
    """The end of a file with these row groups."""
    rows = sum(rows for rows, _ in groups)
    whole = metadata | {ROWS: (I64, rows), GROUPS: (LIST, (STRUCT, [group for _, group in groups]))}
    written = thrift.write(whole)
    return written + len(written).to_bytes(4, "little") + MAGIC


def _move(group: Struct, by: int) -> None:
    """Moves all offsets of a row group."""
    if GROUP_OFFSET in group:
        group[GROUP_OFFSET] = (I64, group[GROUP_OFFSET][1] + by)
    for column in group[COLUMNS][1][1]:
        if column[CHUNK_OFFSET][1]:  # 0 where a writer leaves it out
            column[CHUNK_OFFSET] = (I64, column[CHUNK_OFFSET][1] + by)
        chunk: Struct = column[CHUNK_METADATA][1]
        for field in PAGE_OFFSETS:
            if field in chunk:
                chunk[field] = (I64, chunk[field][1] + by)

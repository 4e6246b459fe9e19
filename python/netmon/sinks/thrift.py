"""Thrift's compact protocol, as far as the metadata of a Parquet file needs it: bytes in, structs out, and back. Pure.

A struct is a dictionary from the number of a field to its type and value. A list is its type and its values. Text and
doubles stay the bytes that they are. A struct may also be given as the bytes that it is written as.
"""

from __future__ import annotations

from typing import Any, TypeAlias

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)

Struct: TypeAlias = dict[int, tuple[int, Any]]


def read(data: bytes) -> Struct:
    """Reads a struct. Raises ValueError for what is not one."""
    try:
        return _Reader(data).struct()
    except IndexError as error:
        raise ValueError("the metadata ends early") from error


def write(struct: Struct | bytes) -> bytes:
    """Writes a struct, whose fields must be in the order of their numbers."""
    if isinstance(struct, bytes):
        return struct
    out, before = bytearray(), 0
    for number, (kind, value) in struct.items():
        step = number - before
        out += bytes([step << 4 | kind]) if 0 < step <= 15 else bytes([kind]) + _zigzag(number)
        out += b"" if kind in (TRUE, FALSE) else _value(kind, value)
        before = number
    return bytes(out) + b"\0"


def _value(kind: int, value: Any) -> bytes:
    if kind in (I16, I32, I64):
        return _zigzag(value)
    if kind == BINARY:
        return _varint(len(value)) + bytes(value)
    if kind in (LIST, SET):
        of, values = value
        head = bytes([len(values) << 4 | of]) if len(values) < 15 else bytes([0xF0 | of]) + _varint(len(values))
        return head + b"".join(_value(of, each) for each in values)
    if kind == STRUCT:
        return write(value)
    return bytes(value)  # a byte, a truth value in a list or a double


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _zigzag(number: int) -> bytes:
    return _varint(number << 1 if number >= 0 else (-number << 1) - 1)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def struct(self) -> Struct:
        found: Struct = {}
        number = 0
        while head := self._byte():
            step, kind = head >> 4, head & 0xF
            number = number + step if step else self._zigzag()
            found[number] = (kind, None if kind in (TRUE, FALSE) else self._value(kind))
        return found

    def _value(self, kind: int) -> Any:
        if kind in (I16, I32, I64):
            return self._zigzag()
        if kind == BINARY:
            return self._take(self._varint())
        if kind in (LIST, SET):
            head = self._byte()
            size, of = head >> 4, head & 0xF
            return of, [self._value(of) for _ in range(self._varint() if size == 15 else size)]
        if kind == STRUCT:
            return self.struct()
        if kind in (TRUE, FALSE, BYTE, DOUBLE):
            return self._take(8 if kind == DOUBLE else 1)
        raise ValueError(f"the metadata has a value of type {kind}")

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _take(self, size: int) -> bytes:
        self._at += size
        if self._at > len(self._data):
            raise IndexError
        return self._data[self._at - size : self._at]

    def _varint(self) -> int:
        number = shift = 0
        while (byte := self._byte()) & 0x80:
            number |= (byte & 0x7F) << shift
            shift += 7
        return number | byte << shift

    def _zigzag(self) -> int:
        number = self._varint()
        return number >> 1 ^ -(number & 1)

# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""The library itself, its errors, and conversions."""

from __future__ import annotations

import ctypes
import enum
import errno
import os
from typing import Any, Callable, TypeVar

from . import _abi

_Enum = TypeVar("_Enum", bound=enum.IntEnum)

try:
    lib = _abi.load("libcontig.so.0")
except OSError as _error:
    raise ImportError(f"libcontig is not installed: {_error}") from _error

_free = ctypes.CDLL(None).free
_free.restype = None
_free.argtypes = [ctypes.c_void_p]


class Error(OSError):
    """A call of contig failed.

    errno: the positive errno. The first comment of linux/contig.h and contig(7)
        define the meaning of each.
    strerror: this meaning in one phrase
    explanation: text for people. After Client.alloc() it says what was in the
        way, the largest length that would have succeeded, and remedies;
        otherwise it is strerror.
    reports: after Client.alloc() the result of each rung that was tried, as a
        tuple of Report; otherwise empty
    """

    explanation: str
    reports: tuple[Any, ...]

    def __init__(self, number: int, explanation: str | None = None,
                 reports: tuple[Any, ...] = ()) -> None:
        number = abs(number)
        super().__init__(number, lib.contig_strerror(number).decode())
        self.explanation = explanation or self.strerror
        self.reports = reports

    def __str__(self) -> str:
        number = self.errno or 0
        name = errno.errorcode.get(number, os.strerror(number))
        return f"[{name}] {self.explanation}"


def check(result: int) -> None:
    """Raise Error unless the result of a function of the library is 0."""
    if result:
        raise Error(result)


def text_of(function: Callable[..., int], *arguments: object) -> str:
    """Return the text that contig_explain() and the like compose."""
    length = function(*arguments, None, 0)
    text = ctypes.create_string_buffer(length + 1)
    function(*arguments, text, length + 1)
    return text.value.decode()


def known(kind: type[_Enum], value: int) -> _Enum | int:
    """Return a value of an enumeration; the number itself if the module is
    newer than this package and has a value that this does not know."""
    try:
        return kind(value)
    except ValueError:
        return value


def table_of(function: Callable[..., int], *arguments: object) -> list[Any]:
    """Return (address, length) of the extents in a table that the library
    allocates."""
    table = ctypes.POINTER(_abi.contig_extent)()
    count = ctypes.c_uint32()
    check(function(*arguments, ctypes.byref(table), ctypes.byref(count)))
    try:
        return [(table[i].addr, table[i].length) for i in range(count.value)]
    finally:
        _free(ctypes.cast(table, ctypes.c_void_p))

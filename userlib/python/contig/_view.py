# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""The memory of objects that have the buffer protocol."""

from __future__ import annotations

import ctypes
from typing import Any


class _PyBuffer(ctypes.Structure):
    """Py_buffer of CPython's stable ABI: an object's memory, which stays
    where it is until PyBuffer_Release()."""

    _fields_ = [
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    ]


_get_buffer = ctypes.pythonapi.PyObject_GetBuffer
_get_buffer.restype = ctypes.c_int
_get_buffer.argtypes = [ctypes.py_object, ctypes.POINTER(_PyBuffer),
                        ctypes.c_int]
_release_buffer = ctypes.pythonapi.PyBuffer_Release
_release_buffer.restype = None
_release_buffer.argtypes = [ctypes.POINTER(_PyBuffer)]
_PYBUF_SIMPLE = 0
_PYBUF_WRITABLE = 1


class View:
    """The memory of an object, which stays where it is until release()."""

    def __init__(self, memory: Any, writable: bool) -> None:
        """Raises BufferError, TypeError or ValueError if the object does not
        give its memory."""
        # Unlike a Py_buffer, the garbage collector sees what this refers to.
        self._memory = memoryview(memory)
        view = _PyBuffer()
        try:
            _get_buffer(self._memory, ctypes.byref(view),
                        _PYBUF_WRITABLE if writable else _PYBUF_SIMPLE)
        except BaseException:
            self._memory.release()
            raise
        self.address = int(view.buf or 0)
        self.length = int(view.len)
        _release_buffer(ctypes.byref(view))

    def release(self) -> None:
        """Let the object move or free its memory."""
        self._memory.release()

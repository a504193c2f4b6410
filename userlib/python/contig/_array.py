# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Arrays of numpy in memory for devices."""

from __future__ import annotations

from typing import Any

import numpy

from ._abi import IoFlags
from ._buffer import Buffer
from ._lock import _single
from ._types import Extent


class Array(numpy.ndarray):  # type: ignore[type-arg]
    """An array of numpy in the memory of a Buffer.

    Client.allocate() and Buffer.array() make it. Slices, transposed arrays and
    other views of it know their own addresses. Copies and the results of
    calculations lie in other memory: their attribute buffer is None.

    It is a context manager, which closes the buffer at its end. The array
    itself stays valid, as any view of a buffer.
    """

    _buffer: Buffer | None

    @classmethod
    def _of(cls, buffer: Buffer, shape: Any, dtype: Any, offset: int) -> Array:
        kind = numpy.dtype(dtype)
        if shape is None:
            shape = (len(buffer) - offset) // kind.itemsize
        # Given the buffer itself, numpy would keep a reference to it, but no
        # view, and closing it would unmap the memory under the array.
        self = super().__new__(cls, shape, kind, numpy.asarray(buffer), offset)
        self._buffer = buffer
        return self

    def __array_finalize__(self, origin: Any) -> None:
        buffer = getattr(origin, "_buffer", None)
        self._buffer = None
        if buffer is not None:
            offset = self._start() - buffer._address
            if 0 <= offset < buffer._length:
                self._buffer = buffer

    def _start(self) -> int:
        """Return the address of the first element."""
        return int(self.__array_interface__["data"][0])

    def _range(self) -> tuple[Buffer, int, int]:
        """Return the buffer, and the range of it from the lowest to the
        highest byte of the array."""
        if self._buffer is None:
            raise ValueError("the array is a copy, which is not in memory of "
                             "contig")
        start = self._start() - self._buffer._address
        end = start + self.itemsize
        for count, stride in zip(self.shape, self.strides):
            if stride < 0:
                start += (count - 1) * stride
            else:
                end += (count - 1) * stride
        return self._buffer, start, end - start if self.size else 0

    @property
    def buffer(self) -> Buffer | None:
        """The buffer that the array lies in; None for a copy."""
        return self._buffer

    def extents(self) -> list[Extent]:
        """Return the physical addresses of the array, as Lock.extents().

        Raises ValueError for a copy and if the buffer is closed.
        """
        buffer, offset, length = self._range()
        return buffer.extents(offset, length)

    def dma_extents(self) -> list[Extent]:
        """Return the addresses for the client's device, as
        Lock.dma_extents()."""
        buffer, offset, length = self._range()
        return buffer.dma_extents(offset, length)

    @property
    def physical_address(self) -> int:
        """The physical address of the array's lowest byte, as
        Lock.physical_address."""
        return _single(self.extents(), "physical")

    @property
    def dma_address(self) -> int:
        """The address of the array's lowest byte for the client's device, as
        Lock.dma_address."""
        return _single(self.dma_extents(), "DMA")

    def sync_to_device(self, direction: IoFlags = IoFlags.OUTPUT) -> None:
        """Hand the array to the device, as Buffer.sync_to_device()."""
        buffer, offset, length = self._range()
        buffer.sync_to_device(offset, length, direction)

    def sync_from_device(self, direction: IoFlags = IoFlags.INPUT) -> None:
        """Hand the array back to the CPU, as Buffer.sync_from_device()."""
        buffer, offset, length = self._range()
        buffer.sync_from_device(offset, length, direction)

    def close(self) -> None:
        """Close the buffer. Its memory is freed when no array is left."""
        if self._buffer is not None:
            self._buffer.close()

    def __enter__(self) -> Array:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

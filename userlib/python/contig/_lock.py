# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Locked memory and its addresses."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from ._abi import IoFlags
from ._closing import Claim
from ._library import Error, check, lib, table_of
from ._types import Extent
from ._view import View

if TYPE_CHECKING:
    from ._client import Client


def _single(extents: list[Extent], kind: str) -> int:
    if len(extents) > 1:
        raise Error(errno.EILSEQ, f"the memory has {len(extents)} extents of "
                    f"{kind} addresses, and not one address")
    return extents[0].address


class Lock(Claim):
    """Memory that is resident and does not move. Client.lock() makes it.

    It is a context manager, which unlocks at its end. Locks are counted for
    each page and client. Offsets and lengths are in bytes from the start of
    the locked memory, and need no alignment; without a length the range
    reaches the end.
    """

    def _range(self, offset: int, length: int | None) -> tuple[int, int]:
        """Return a range of the locked memory as the library wants it."""
        if not self._is_open:
            raise ValueError("the memory is no longer locked")
        if length is None:
            length = self.length - offset
        if offset < 0 or length < 0 or offset + length > self.length:
            raise ValueError(f"{length} bytes at {offset} are not all within "
                             f"the {self.length} that are locked")
        return offset, length

    def _table(self, dma: bool, offset: int, length: int) -> list[Any]:
        raise NotImplementedError

    def _hand_over(self, offset: int, length: int, flags: int) -> None:
        raise NotImplementedError

    def extents(self, offset: int = 0, length: int | None = None) -> \
            list[Extent]:
        """Return the physical addresses of a range, in its order.

        The first extent starts at exactly the first byte, and the lengths add
        up to the length of the range.

        Raises Error with EPERM: the caller may not see physical addresses;
        ESTALE: the process has other memory at these addresses now; EHWPOISON:
        a page of a buffer has failed; ENXIO: a dma-buf of another driver that
        is not all system memory.
        """
        return [Extent(*extent) for extent in
                self._table(False, *self._range(offset, length))]

    def dma_extents(self, offset: int = 0, length: int | None = None) -> \
            list[Extent]:
        """Return the addresses of a range for the client's device.

        Behind an IOMMU these are not physical addresses. They are valid until
        the memory is unlocked.

        Raises Error as extents(), but never with EPERM; EUNATCH: no device is
        attached; ENODEV: it is gone.
        """
        return [Extent(*extent) for extent in
                self._table(True, *self._range(offset, length))]

    @property
    def physical_address(self) -> int:
        """The physical address of the first byte of memory that is one extent.

        Raises Error as extents(), and with EILSEQ if it has several extents.
        """
        return _single(self.extents(), "physical")

    @property
    def dma_address(self) -> int:
        """The address of the first byte for the client's device.

        Raises Error as dma_extents(), and with EILSEQ if the memory has
        several extents for the device.
        """
        return _single(self.dma_extents(), "DMA")

    def sync_to_device(self, offset: int = 0, length: int | None = None,
                       direction: IoFlags = IoFlags.OUTPUT) -> None:
        """Hand a range to the client's device, before a transfer.

        direction: IoFlags.OUTPUT: the device is going to read the range;
            IoFlags.INPUT: it is going to write to it; or both

        Writes caches back and updates copies. Costs nothing where the device
        looks into the caches.

        Raises Error with EUNATCH: no device is attached; ENODEV: it is gone;
        ESTALE, EHWPOISON: as extents(), and the range is synced nevertheless.
        """
        self._hand_over(*self._range(offset, length),
                        IoFlags.FOR_DEVICE | direction)

    def sync_from_device(self, offset: int = 0, length: int | None = None,
                         direction: IoFlags = IoFlags.INPUT) -> None:
        """Hand a range back to the CPU, after a transfer.

        direction: IoFlags.INPUT: the device wrote to the range;
            IoFlags.OUTPUT: it read it; or both

        Raises Error as sync_to_device().
        """
        self._hand_over(*self._range(offset, length),
                        IoFlags.FOR_CPU | direction)

    def unlock(self) -> None:
        """Unlock the memory. Nothing happens if it is unlocked already.

        Stop a device that uses the memory first: without an IOMMU it goes on
        writing to the addresses that it was given.

        Raises Error with ENOMEM: the kernel had no memory to unlock a part of
        a locked range; call it again.
        """
        super().close()

    def close(self) -> None:
        """The same as unlock()."""
        self.unlock()


class MemoryLock(Lock):
    """Locked memory of an object that has the buffer protocol."""

    def __init__(self, client: Client, memory: Any, flags: int,
                 writable: bool) -> None:
        handle = client._use()
        super().__init__(client, View(memory, writable))
        self._begin(lib.contig_lock, lib.contig_unlock, handle, self._address,
                    self.length, flags=(flags,))

    def _table(self, dma: bool, offset: int, length: int) -> list[Any]:
        function = lib.contig_get_dma_extents if dma else \
            lib.contig_get_extents
        return table_of(function, self._client._use(), self._address + offset,
                        length)

    def _hand_over(self, offset: int, length: int, flags: int) -> None:
        check(lib.contig_sync(self._client._use(), self._address + offset,
                              length, flags))

    def _end(self) -> int:
        return int(lib.contig_unlock(self._client._use(), self._address,
                                     self.length))


class BufferLock(Lock):
    """A locked buffer.

    The handle is valid as long as the buffer is locked, because closing the
    buffer unlocks it. A lock that the buffer itself owns must not keep the
    buffer alive: keeps is None then.
    """

    def __init__(self, client: Client, handle: Any, flags: int,
                 keeps: Any) -> None:
        super().__init__(client, None)
        self.length = int(lib.contig_buffer_length(handle))
        self._handle = handle
        self._keeps = keeps
        self._begin(lib.contig_buffer_lock, lib.contig_buffer_unlock,
                    client._use(), handle, 0, self.length, flags=(flags,))

    def _table(self, dma: bool, offset: int, length: int) -> list[Any]:
        function = lib.contig_buffer_get_dma_extents if dma else \
            lib.contig_buffer_get_extents
        return table_of(function, self._client._use(), self._handle, offset,
                        length)

    def _hand_over(self, offset: int, length: int, flags: int) -> None:
        check(lib.contig_buffer_sync(self._client._use(), self._handle, offset,
                                     length, flags))

    def _end(self) -> int:
        return int(lib.contig_buffer_unlock(self._client._use(), self._handle,
                                            0, self.length))

# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Memory that contig allocated."""

from __future__ import annotations

import ctypes
import mmap
import weakref
from typing import TYPE_CHECKING, Any, Callable

from . import _abi
from ._abi import Access, IoFlags, Mapping, Rung
from ._closing import Closing
from ._library import Error, check, known, lib, text_of
from ._lock import BufferLock, Lock
from ._types import Extent, Report, reports_of

if TYPE_CHECKING:
    from ._array import Array
    from ._client import Client


class Buffer(Closing, mmap.mmap):
    """Memory that contig allocated, mapped. Client.alloc() makes it.

    It is an mmap object of the standard library: len() is its length in bytes,
    a multiple of the page size; it can be indexed and sliced, and everything
    that takes an object with the buffer protocol takes it: memoryview(),
    numpy.asarray(), struct.pack_into(), a socket. The exception is
    numpy.ndarray(buffer=...), which does not keep the memory mapped when the
    buffer is closed: use array() instead.

    It is a context manager, which closes it at its end. Views of the memory
    stay valid: it is unmapped, and freed, when the last view is gone.

    The methods that give addresses, and the two for syncing while a device is
    attached, lock the buffer if it is not locked, until it is closed.
    """

    _handle: Any = None
    _lock: Lock | None = None
    _locks: weakref.WeakSet[Lock]
    _client: Client
    _length: int
    _address: int

    @classmethod
    def _make(cls, client: Client, owner: list[Any]) -> Buffer:
        """Map what a handle of the library stands for, and take the handle out
        of the list."""
        handle, = owner
        length = lib.contig_buffer_length(handle)
        try:
            self = cls.__new__(  # type: ignore[call-arg]
                cls, lib.contig_buffer_fd(handle), length)
        except OSError as error:
            raise Error(error.errno or 0) from error
        self._locks = weakref.WeakSet()
        self._client = client
        self._length = length
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self))
        self._handle = handle
        owner.clear()
        return self

    @classmethod
    def _from(cls, client: Client, function: Callable[..., int],
              *arguments: Any) -> Buffer:
        """Return the buffer that a function of the library makes. A signal can
        raise an exception after the function has returned."""
        owner = [ctypes.POINTER(_abi.contig_buffer)()]
        try:
            check(function(*arguments, ctypes.byref(owner[0])))
            return cls._make(client, owner)
        except BaseException:
            for handle in owner:
                lib.contig_buffer_free(handle)
            raise

    def _use(self) -> Any:
        if self._handle is None:
            raise ValueError("the buffer is closed")
        return self._handle

    def _locked(self) -> Lock:
        """Return the lock that this buffer owns."""
        handle = self._use()
        if self._lock is None:
            self._lock = BufferLock(self._client, handle, 0, None)
        return self._lock

    def _lock_for(self, client: Client, flags: int) -> Lock:
        lock = BufferLock(client, self._use(), flags, self)
        self._locks.add(lock)
        return lock

    def fileno(self) -> int:
        """Return the descriptor of the dma-buf, which the buffer still owns.

        Give it to other drivers and processes; os.dup() it to keep the memory
        longer than the buffer.
        """
        return int(lib.contig_buffer_fd(self._use()))

    @property
    def rung(self) -> Rung | int:
        """The rung that gave the memory; Rung.NONE if it was imported."""
        return known(Rung, lib.contig_buffer_rung(self._use()))

    @property
    def mapping(self) -> Mapping | int:
        """How the memory is mapped: as ordinary pages, or as page frames."""
        return known(Mapping, lib.contig_buffer_mapping(self._use()))

    @property
    def extent_count(self) -> int:
        """How many extents there are. Needs no right; 0 if it was imported."""
        return int(lib.contig_buffer_extents(self._use()))

    @property
    def huge_size(self) -> int:
        """Bytes in a huge page if the buffer consists of huge pages, else 0."""
        return int(lib.contig_buffer_huge_size(self._use()))

    @property
    def reports(self) -> tuple[Report, ...]:
        """The result of each rung that was tried. The last one gave the
        memory. None for an imported buffer."""
        answer = _abi.contig_alloc()
        count = ctypes.c_uint(_abi.CONTIG_REPORTS)
        check(lib.contig_buffer_get_reports(
            self._use(), answer.out_reports,
            ctypes.sizeof(_abi.contig_report), ctypes.byref(count)))
        answer.out_report_count = min(count.value, _abi.CONTIG_REPORTS)
        return reports_of(answer)

    def explain(self) -> str:
        """Return where the memory came from, and why, in plain English."""
        return text_of(lib.contig_buffer_explain, self._use())

    def extents(self, offset: int = 0, length: int | None = None) -> \
            list[Extent]:
        """As Lock.extents(), for a range of the buffer. Raises Error also if
        it cannot be locked, see Client.lock()."""
        return self._locked().extents(offset, length)

    def dma_extents(self, offset: int = 0, length: int | None = None) -> \
            list[Extent]:
        """As Lock.dma_extents(), for a range of the buffer. Raises Error also
        if it cannot be locked, see Client.lock()."""
        return self._locked().dma_extents(offset, length)

    @property
    def physical_address(self) -> int:
        """As Lock.physical_address."""
        return self._locked().physical_address

    @property
    def dma_address(self) -> int:
        """As Lock.dma_address."""
        return self._locked().dma_address

    def sync_to_device(self, offset: int = 0, length: int | None = None,
                       direction: IoFlags = IoFlags.OUTPUT) -> None:
        """As Lock.sync_to_device(). Without a device that is attached, all of
        the buffer is handed to each device that maps it."""
        if self._client._has_device():
            self._locked().sync_to_device(offset, length, direction)
        else:
            check(lib.contig_buffer_end_access(self._use(),
                                               Access.READ | Access.WRITE))

    def sync_from_device(self, offset: int = 0, length: int | None = None,
                         direction: IoFlags = IoFlags.INPUT) -> None:
        """As Lock.sync_from_device(). Without a device that is attached, all
        of the buffer is handed back by each device that maps it."""
        if self._client._has_device():
            self._locked().sync_from_device(offset, length, direction)
        else:
            check(lib.contig_buffer_begin_access(self._use(),
                                                 Access.READ | Access.WRITE))

    def array(self, shape: Any = None, dtype: Any = "u1",
              offset: int = 0) -> Array:
        """Return the memory as an array of numpy.

        shape: as for numpy.zeros(); by default one dimension that takes all of
            the buffer from the offset on
        offset: of the first element, in bytes

        Raises ImportError without numpy, TypeError if the buffer is too small.
        """
        from ._array import Array
        self._use()
        return Array._of(self, shape, dtype, offset)

    @property
    def closed(self) -> bool:  # type: ignore[override]
        """Whether close() was called."""
        return self._handle is None

    def close(self) -> None:
        """Unlock the buffer and give up its descriptor and its mapping.

        The memory is freed when no view of it is left, nor this object, and
        when no other process or driver uses the dma-buf. Nothing else happens
        if the buffer is closed already.

        Raises Error as Lock.unlock(); call it again.
        """
        if self._handle is not None:
            for lock in list(self._locks):
                lock.unlock()
            if self._lock is not None:
                self._lock.unlock()
                self._lock = None
            lib.contig_buffer_free(self._handle)
            self._handle = None
        try:
            mmap.mmap.close(self)
        except BufferError:
            # The last view ends the mapping, or another call of this.
            pass

    def __repr__(self) -> str:
        if self._handle is None:
            return "<contig.Buffer: closed>"
        rung = lib.contig_rung_name(lib.contig_buffer_rung(self._handle))
        return f"<contig.Buffer: {self._length} bytes, {rung.decode()}>"

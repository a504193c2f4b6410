# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Clients: one open /dev/contig each."""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import Any

from . import _abi
from ._abi import AllocFlags, IoFlags, RangeFlags, Rungs
from ._buffer import Buffer
from ._closing import Claim, Closing, close_all
from ._hold import Hold
from ._library import Error, check, lib, text_of
from ._lock import Lock, MemoryLock
from ._preparation import Preparation
from ._types import Constraints, Device, Info, Probe, reports_of


class Client(Closing):
    """An open /dev/contig. open() makes it.

    It is a context manager, which closes the client at its end. Clients are
    independent of each other. A client serves one process, the first that
    holds or locks memory with it: a child process opens its own (EXDEV).
    """

    _handle: Any = None

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        """See open()."""
        self._attached = False
        self._claims: weakref.WeakSet[Claim] = weakref.WeakSet()
        options = _abi.contig_open_opts()
        check(lib.contig_open_opts_init(options, ctypes.sizeof(options)))
        options.path = None if path is None else os.fsencode(path)
        handle = ctypes.POINTER(_abi.contig)()
        check(lib.contig_open(ctypes.byref(handle), options))
        self._handle = handle

    def _use(self) -> Any:
        if self._handle is None:
            raise ValueError("the client is closed")
        return self._handle

    def _has_device(self) -> bool:
        return self._handle is not None and self._attached

    def fileno(self) -> int:
        """Return the descriptor, which the client still owns."""
        return int(lib.contig_fd(self._use()))

    def info(self) -> Info:
        """Describe the machine and the module."""
        info = _abi.contig_info(size=ctypes.sizeof(_abi.contig_info))
        check(lib.contig_get_info(self._use(), info))
        return Info._from(info)

    def attach(self, device: str, *, address_bits: int = 0,
               max_segment: int = 0, boundary: int = 0) -> None:
        """Choose the device that the client's memory is for.

        device: "pci/DDDD:BB:DD.F" or "platform/NAME"
        address_bits: how many bits of a DMA address it has, 12 to 64
        max_segment: longest segment that it takes, in bytes
        boundary: no segment may cross a multiple of this, in bytes; a power of
            two of at least a page

        0 stands for the kernel's value. The device needs a driver that leaves
        DMA to others, such as uio_pci_generic.

        Raises Error with EPERM, EACCES: the caller lacks the right; ENODEV: no
        such device; EUNATCH: it has no driver; ERANGE: it can reach no memory;
        EBUSY: it is in use in another way, or this client has memory locked;
        EINVAL: a wrong name or limit.
        """
        options = _abi.contig_device_opts()
        check(lib.contig_device_opts_init(options, ctypes.sizeof(options)))
        options.address_bits = address_bits
        options.max_segment = max_segment
        options.boundary = boundary
        check(lib.contig_attach_device(self._use(), device.encode(), options))
        self._attached = True

    def detach(self) -> None:
        """Undo attach().

        Raises Error with EUNATCH: no device is attached; EBUSY: this client
        has memory locked.
        """
        check(lib.contig_detach_device(self._use()))
        self._attached = False

    def device(self) -> Device:
        """Describe the attached device.

        Raises Error with EUNATCH: no device is attached; ENODEV: it is gone.
        """
        device = _abi.contig_device(size=ctypes.sizeof(_abi.contig_device))
        check(lib.contig_get_device(self._use(), device))
        return Device._from(device)

    @staticmethod
    def _options(rungs: int, flags: int,
                 constraints: Constraints | None) -> _abi.contig_alloc_opts:
        options = _abi.contig_alloc_opts()
        check(lib.contig_alloc_opts_init(options, ctypes.sizeof(options)))
        options.rungs = rungs
        options.flags = flags
        if constraints is not None:
            constraints._fill(options.constraints)
        return options

    def alloc(self, length: int, *, rungs: int | Rungs = 0,
              flags: int | AllocFlags = 0,
              constraints: Constraints | None = None,
              timeout_ms: int = 0, name: str | None = None) -> Buffer:
        """Allocate memory, and map it.

        length: bytes, rounded up to pages
        rungs: the rungs that may be tried, for example Rungs.CONTIGUOUS for
            memory that is one extent; 0 for all
        flags: kinds of memory
        constraints: limits that the memory must meet
        timeout_ms: milliseconds that it may take, 0 for the module's default
        name: name of the buffer in debugfs, of at most 31 bytes; by default
            that of the calling thread

        The memory is zero, except with AllocFlags.KEEP_CONTENTS. Other threads
        run while the call waits.

        Raises Error, with an explanation and the reports of the rungs: ENOMEM:
        no rung could give it; EAGAIN: none could give it at once, as
        AllocFlags.NO_WAIT demands; ETIME: the time ran out; ERANGE: no memory
        of this machine meets the constraints; EFBIG: longer than the memory of
        the machine; EDQUOT: over a quota; EPERM: the constraints would reveal
        physical addresses; EINVAL: wrong arguments; EOPNOTSUPP: unknown flags
        or rungs; EMFILE, ENFILE: too many open files; ENODEV: the client's
        device is gone.
        """
        options = self._options(rungs, flags, constraints)
        answer = _abi.contig_alloc(size=ctypes.sizeof(_abi.contig_alloc))
        options.timeout_ms = timeout_ms
        options.name = None if name is None else os.fsencode(name)
        options.answer = ctypes.pointer(answer)
        try:
            return Buffer._from(self, lib.contig_alloc, self._use(), length,
                                options)
        except Error as error:
            # Unless the buffer cannot be mapped.
            if not answer.out_rung:
                error.explanation = text_of(lib.contig_explain,
                                            ctypes.byref(answer),
                                            -(error.errno or 0))
                error.reports = reports_of(answer)
            raise

    def allocate(self, shape: Any, dtype: Any = "u1", **options: Any) -> Any:
        """Allocate an array of numpy, a contig.Array.

        shape, dtype: as for numpy.zeros()
        options: as for alloc()

        Raises Error as alloc(), and ImportError without numpy.
        """
        import numpy
        kind = numpy.dtype(dtype)
        count = int(numpy.prod(shape, dtype=object))
        buffer = self.alloc(count * kind.itemsize, **options)
        try:
            return buffer.array(shape, kind)
        except BaseException:
            buffer.close()
            raise

    def probe(self, length: int, *, rungs: int | Rungs = 0,
              flags: int | AllocFlags = 0,
              constraints: Constraints | None = None) -> Probe:
        """Report the result that alloc() would have. Changes nothing.

        Raises Error as alloc(), but not because there is no memory.
        """
        options = self._options(rungs, flags, constraints)
        answer = _abi.contig_probe(size=ctypes.sizeof(_abi.contig_probe))
        check(lib.contig_probe(self._use(), length, options, answer))
        return Probe._from(answer)

    def import_buffer(self, descriptor: int) -> Buffer:
        """Make a buffer from the descriptor of a dma-buf, of contig or of
        another driver. It is duplicated, and the caller still owns it.

        Raises Error with EBADF: not open; EBADFD: not a dma-buf; EMFILE; and
        as mmap() of the dma-buf.
        """
        return Buffer._from(self, lib.contig_buffer_import, self._use(),
                            descriptor)

    def lock(self, memory: Any, *, output: bool = False,
             contiguous: bool = False,
             device_contiguous: bool = False) -> Lock:
        """Lock memory: make it resident and immovable, and map it for the
        client's device.

        memory: a Buffer, or any object with the buffer protocol, whose memory
            must be contiguous in the program's addresses: bytearray, array,
            memoryview, an array of numpy, mmap. It cannot be resized, nor its
            memory be freed, as long as it is locked
        output: the device will only read. Without it the object must be
            writable
        contiguous: fail unless it is one extent
        device_contiguous: fail unless it is one extent for the device

        Raises BufferError, TypeError or ValueError if the object does not give
        its memory; and Error with EDQUOT: over RLIMIT_MEMLOCK or another
        limit; ENOMEM; EILSEQ: not contiguous, though that was demanded; EPERM:
        the caller may not learn whether it is; EUNATCH: no device is attached;
        ENODEV: it is gone; EADDRNOTAVAIL: it cannot reach a page; ENXIO: not
        memory; EACCES: not writable; ESTALE: other memory was locked at these
        addresses; EINVAL: a length of 0; EXDEV: the client is of another
        process.
        """
        flags = ((RangeFlags.LOCK_OUTPUT if output else 0) |
                 (RangeFlags.LOCK_CONTIGUOUS if contiguous else 0) |
                 (RangeFlags.LOCK_DEVICE_CONTIGUOUS if device_contiguous
                  else 0))
        if isinstance(memory, Buffer):
            return memory._lock_for(self, flags)
        return MemoryLock(self, memory, flags, not output)

    def hold(self, memory: Any) -> Hold:
        """Keep memory resident, though it may move.

        memory: any object with the buffer protocol, as for lock()

        A munlock() by the program defeats its holds.

        Raises BufferError, TypeError or ValueError as lock(); and Error with
        EDQUOT: over RLIMIT_MEMLOCK; ENOMEM; ENXIO: not memory; EINVAL: a
        length of 0; EXDEV: the client is of another process.
        """
        return Hold(self, memory)

    def prepare(self, memory: Any, direction: IoFlags = IoFlags(0), *,
                dma: bool = True, bounce: bool = False, first: int = 0,
                granularity: int = 0, max_pages: int = 0) -> Preparation:
        """Prepare memory for transfers by a device: lock it, report the
        address of each page, and hand it over.

        memory: a Buffer, or any object with the buffer protocol, as for lock()
        direction: IoFlags.OUTPUT: the device is going to read the memory;
            IoFlags.INPUT: it is going to write to it; both; or neither, to
            leave that to Preparation.checkpoint()
        dma: report addresses for the client's device; otherwise physical ones
        bounce: let the device use a copy of pages that it cannot reach
        first: where to begin, in bytes from the start
        granularity: in bytes, rounded up to pages: a part that does not reach
            the end has a length that is a multiple of this; 0 for any length
        max_pages: prepare at most so many pages; 0 for all

        Raises BufferError, TypeError or ValueError as lock(); and Error with
        EUNATCH: no device is attached; ENODEV: it is gone; EADDRNOTAVAIL: it
        cannot reach a page; EPERM: the caller may not see physical addresses;
        EDQUOT: over RLIMIT_MEMLOCK or another limit, or too much memory for
        copies; EMSGSIZE: max_pages is less than the granularity; ENOMEM;
        ENXIO: not memory; EACCES: not writable; ESTALE, EHWPOISON: as
        Lock.extents(); EINVAL: a length of 0, or first past the end.
        """
        return Preparation(self, memory, direction, dma=dma, bounce=bounce,
                           first=first, granularity=granularity,
                           max_pages=max_pages)

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._handle is None

    def close(self) -> None:
        """Close the client, which ends its locks, holds and preparations.
        Buffers live on."""
        if self._handle is not None:
            close_all(self._claims)
            handle, self._handle = self._handle, None
            lib.contig_close(handle)

    def __repr__(self) -> str:
        state = "closed" if self._handle is None else "open"
        return f"<contig.Client: {state}>"


def open(path: str | os.PathLike[str] | None = None) -> Client:
    """Open a client.

    path: the device, by default /dev/contig

    Raises Error with ENOENT: there is no such device, usually because the
    module is not loaded; EACCES: not allowed to open it; ENOTTY: it is not
    contig's; EMFILE, ENFILE, ENOMEM.
    """
    return Client(path)

# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Memory that is prepared for transfers by a device."""

from __future__ import annotations

import ctypes
import mmap
from typing import TYPE_CHECKING, Any

from . import _abi
from ._abi import IoFlags, RangeFlags
from ._buffer import Buffer
from ._closing import Claim
from ._library import check, lib
from ._view import View

if TYPE_CHECKING:
    from ._client import Client


class Preparation(Claim):
    """Memory that a device is going to use. Client.prepare() makes it.

    It is a context manager, which ends the last transfer at its end: until
    then the program must not use the memory, except as checkpoint() says.

    addresses: the address of each page in turn, that of the first byte first
    length: how many bytes were prepared
    complete: whether that is all to the end of the memory
    bounced: of how many pages the device uses a copy
    """

    addresses: tuple[int, ...]
    complete: bool
    bounced: int
    _id: int = 0

    def __init__(self, client: Client, memory: Any, direction: IoFlags, *,
                 dma: bool, bounce: bool, first: int, granularity: int,
                 max_pages: int) -> None:
        options = _abi.contig_prepare_opts()
        check(lib.contig_prepare_opts_init(options, ctypes.sizeof(options)))
        options.flags = (direction | (RangeFlags.GET_DMA if dma else 0) |
                         (IoFlags.BOUNCE if bounce else 0))
        options.first = first
        options.granularity = granularity
        self._memory = memory
        if isinstance(memory, Buffer):
            super().__init__(client, None)
            span = _abi.contig_span(0, len(memory))
            self._prepare(span, options, max_pages,
                          lib.contig_buffer_prepare, client._use(),
                          memory._use())
            return
        # Memory that the device only reads need not be writable.
        super().__init__(client, View(memory, direction != IoFlags.OUTPUT))
        span = _abi.contig_span(self._address, self.length)
        self._prepare(span, options, max_pages, lib.contig_prepare,
                      client._use())

    def _prepare(self, span: _abi.contig_span,
                 options: _abi.contig_prepare_opts, max_pages: int,
                 function: Any, *arguments: Any) -> None:
        answer = _abi.contig_prepare(size=ctypes.sizeof(_abi.contig_prepare))
        try:
            pages = span.length // mmap.PAGESIZE + 2
            if max_pages:
                pages = min(pages, max_pages)
            addresses = (ctypes.c_uint64 * pages)()
            options.max_pages = pages
            options.addrs = addresses
            check(function(*arguments, ctypes.byref(span), 1, options, answer))
            self.addresses = tuple(addresses[:answer.count])
            self.length = answer.out_length
            self.complete = bool(answer.out_done)
            self.bounced = answer.out_bounced
            self._id = answer.out_id
            self._opened()
        except BaseException:
            # The kernel has written the id, even if a signal came then.
            self._is_open = False
            if answer.out_id:
                lib.contig_checkpoint(self._client._use(), answer.out_id, 0)
            self._release()
            raise

    def checkpoint(self, direction: IoFlags = IoFlags(0)) -> None:
        """End a transfer, and prepare for another one of the same memory.

        direction: of the transfer that follows, as for Client.prepare()

        Afterwards the program may read the data that the device wrote.

        Raises ValueError after close(); and Error with EACCES: the memory is
        prepared for output only; ESTALE: the process has other memory at these
        addresses now; ENODEV, ENOLCK, EHWPOISON: the device, a lock or a page
        is gone.
        """
        if not self._is_open:
            raise ValueError("the preparation has ended")
        check(lib.contig_checkpoint(self._client._use(), self._id,
                                    IoFlags.MORE | direction))

    def _end(self) -> int:
        return int(lib.contig_checkpoint(self._client._use(), self._id, 0))

    def close(self) -> None:
        """End the last transfer, and unlock the memory. Nothing happens if it
        has ended already.

        Raises Error as checkpoint(), when the preparation has ended
        nevertheless; and with ENOMEM: the kernel had no memory to unlock; call
        it again.
        """
        super().close()

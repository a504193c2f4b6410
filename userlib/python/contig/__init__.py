# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Physically contiguous memory that a DMA engine can use.

contig.open() returns a Client, Client.alloc() a Buffer, which has the buffer
protocol, Client.allocate() an array of numpy, and Client.lock(), hold() and
prepare() are for memory of the program. Buffers, arrays and locks have the addresses for a device.

Lengths, offsets and addresses are in bytes. Functions that fail raise Error,
which has an errno and an explanation; a client, a buffer or a lock that is
closed raises ValueError. Several threads may use the same objects, but none
may use an object while another closes it.

Words: a *client* is an open /dev/contig; a *buffer* is memory that contig
allocated; an *extent* is a maximal run of adjacent memory; a *rung* is one way
to get memory. contig(7) and Documentation/python.md say more.
"""

from __future__ import annotations

from typing import Any

from ._abi import (VERSION as __version__, AllocFlags, Blocked, DeviceFeature,
                   Feature, IoFlags, Mapping, NodePolicy, Remedy, Rung, Rungs)
from ._buffer import Buffer
from ._client import Client, open
from ._hold import Hold
from ._library import Error
from ._lock import Lock
from ._preparation import Preparation
from ._types import Constraints, Device, Extent, Info, Probe, Report

__all__ = [
    "AllocFlags", "Blocked", "Buffer", "Client", "Constraints", "Device",
    "DeviceFeature", "Error", "Extent", "Feature", "Hold", "Info", "IoFlags",
    "Lock", "Mapping", "NodePolicy", "Preparation", "Probe", "Remedy",
    "Report", "Rung", "Rungs", "open", "__version__",
]


def __getattr__(name: str) -> Any:
    # numpy is loaded only by programs that use it.
    if name == "Array":
        from ._array import Array
        return Array
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

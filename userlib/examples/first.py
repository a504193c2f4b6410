#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
import contig

with contig.open() as client:
    wanted = contig.Rungs.CONTIGUOUS
    with client.allocate((512, 512), "u4", rungs=wanted) as array:
        array[:] = 7
        array.sync_to_device()
        print(f"{array.physical_address:#014x} {array.nbytes:7} bytes")

    data = bytearray(65536)
    with client.lock(data) as lock:
        for address, length in lock.extents():
            print(f"{address:#014x} {length:7} bytes")

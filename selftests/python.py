#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The Python package of libcontig on the real module.

    python.py [-t TEST]

Physical addresses are compared with /proc/self/pagemap, and the contents of
physical memory with /proc/kcore. With QEMU's device edu, memory is moved by
DMA.
"""

import array
import errno
import gc
import glob
import mmap
import os
import struct
import subprocess
import sys
import time
import unittest
import warnings

try:
    import numpy
except ImportError:
    numpy = None
try:
    import contig
    MISSING = None
except ImportError as error:
    contig = None
    MISSING = f"the package contig cannot be used: {error}"

PAGE = mmap.PAGESIZE
MIB = 1 << 20
KSFT_SKIP = 4
EXAMPLE = "/usr/share/contig/first.py"

needs_numpy = unittest.skipUnless(numpy, "there is no numpy")


def address_of(memory):
    """Return the address of an object's first byte, by other means than the
    package's."""
    if numpy:
        return numpy.frombuffer(memory, "u1").__array_interface__["data"][0]
    import ctypes
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def pagemap(address, length):
    """Return the extents of memory according to /proc/self/pagemap."""
    extents = []
    with open("/proc/self/pagemap", "rb", buffering=0) as file:
        while length:
            file.seek(address // PAGE * 8)
            entry, = struct.unpack("Q", file.read(8))
            physical = (entry & (1 << 55) - 1) * PAGE + address % PAGE
            part = min(length, PAGE - address % PAGE)
            if extents and sum(extents[-1]) == physical:
                extents[-1] = (extents[-1][0], extents[-1][1] + part)
            else:
                extents.append((physical, part))
            address += part
            length -= part
    return extents


def physical_memory(physical, length):
    """Return the contents of physical memory, from /proc/kcore. The longest
    segment is the kernel's mapping of memory."""
    with open("/proc/kcore", "rb", buffering=0) as file:
        header = file.read(64)
        start, = struct.unpack_from("Q", header, 32)
        count, = struct.unpack_from("H", header, 56)
        best = None
        for number in range(count):
            file.seek(start + 56 * number)
            kind, _, offset, _, at, _, size, _ = struct.unpack(
                "IIQQQQQQ", file.read(56))
            if (kind == 1 and at <= physical and
                    physical + length <= at + size and
                    (not best or size > best[0])):
                best = size, offset + physical - at
        file.seek(best[1])
        return file.read(length)


def contents(extents):
    """Return the contents of all extents."""
    return b"".join(physical_memory(*extent) for extent in extents)


def locked_kib():
    """Return how much memory of the process is mlock()ed, in KiB."""
    with open("/proc/self/status", encoding="ascii") as file:
        return int(next(line for line in file
                        if line.startswith("VmLck")).split()[1])


def debugfs(name):
    with open(f"/sys/kernel/debug/contig/{name}", encoding="ascii") as file:
        return file.read()


def open_files():
    return len(os.listdir("/proc/self/fd"))


class Case(unittest.TestCase):
    def setUp(self):
        self.client = contig.open()
        self.addCleanup(self.client.close)

    def fails(self, number, function, *arguments, **options):
        """Check that a call raises Error with an errno, and return it."""
        with self.assertRaises(contig.Error) as caught:
            function(*arguments, **options)
        self.assertEqual(caught.exception.errno, number, caught.exception)
        return caught.exception

    def is_locked(self, memory, locks=1):
        """Check how often the client has locked the first page, by
        CONTIG_GET_STATE."""
        import fcntl
        from contig import _abi
        import ctypes
        run = _abi.contig_run()
        state = _abi.contig_get_state(
            size=ctypes.sizeof(_abi.contig_get_state),
            addr=address_of(memory), length=1, count=1,
            runs=ctypes.addressof(run))
        fcntl.ioctl(self.client.fileno(), _abi.Ioctl.GET_STATE, state)
        self.assertEqual(run.locks, locks)


class Clients(Case):
    def test_describes_the_machine(self):
        info = self.client.info()
        self.assertEqual(info.page_size, PAGE)
        with open("/proc/meminfo", encoding="ascii") as file:
            total = int(file.readline().split()[1]) << 10
        self.assertEqual(info.ram_bytes, total)
        self.assertIn(contig.Feature.PHYSICAL_ALLOWED, info.features)

    def test_is_a_context_manager(self):
        files = open_files()
        with contig.open() as client:
            self.assertFalse(client.closed)
            self.assertEqual(open_files(), files + 1)
        self.assertTrue(client.closed)
        self.assertEqual(open_files(), files)
        client.close()
        with self.assertRaises(ValueError):
            client.info()

    def test_wrong_devices(self):
        error = self.fails(errno.ENOENT, contig.open, "/dev/no-such-file")
        self.assertIn("load the module", str(error))
        self.assertIsInstance(error, OSError)
        self.fails(errno.ENOTTY, contig.open, "/dev/null")

    def test_children_open_their_own(self):
        data = bytearray(PAGE)
        self.client.lock(data).unlock()
        pid = os.fork()
        if not pid:
            try:
                self.fails(errno.EXDEV, self.client.lock, data)
                with contig.open() as client, client.lock(data):
                    pass
                os._exit(0)
            except BaseException as error:
                print(f"# {error!r}", flush=True)
            finally:
                os._exit(1)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)

    def test_late_close_warns(self):
        files = open_files()
        seen = []
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            # A record of warnings would keep the objects.
            warnings.showwarning = lambda _, category, *rest: \
                seen.append(category)
            client = contig.open()
            buffer = client.alloc(PAGE)
            lock = client.lock(buffer)
            hold = client.hold(bytearray(PAGE))
            prepared = client.prepare(buffer, dma=False)
            prepared = hold = lock = buffer = client = None
            gc.collect()
        self.assertEqual(seen, [ResourceWarning] * 5)
        self.assertIsNone(prepared or hold or lock or buffer or client)
        self.assertEqual(open_files(), files)


class Buffers(Case):
    def test_allocates(self):
        with self.client.alloc(MIB - 5, rungs=contig.Rungs.RESERVE,
                               name="by Python") as buffer:
            self.assertEqual(len(buffer), MIB)
            self.assertEqual(buffer.rung, contig.Rung.RESERVE)
            self.assertEqual(buffer.mapping, contig.Mapping.STRUCT_PAGE)
            self.assertEqual(buffer.extent_count, 1)
            self.assertEqual([each.rung for each in buffer.reports],
                             [contig.Rung.RESERVE])
            self.assertIn("1 MiB came from the reserve", buffer.explain())
            self.assertIn("by Python", debugfs("buffers"))
            self.assertEqual(buffer[:], bytes(MIB))
        self.assertNotIn("by Python", debugfs("buffers"))

    def test_passes_constraints(self):
        limits = contig.Constraints.limit_bits(30, align=MIB)
        with self.client.alloc(MIB, constraints=limits,
                               rungs=contig.Rungs.RANGE) as buffer:
            self.assertEqual(buffer.physical_address % MIB, 0)
            self.assertLessEqual(buffer.physical_address + MIB, 1 << 30)

    def test_extents_agree_with_pagemap(self):
        with self.client.alloc(MIB, rungs=contig.Rungs.SCATTER) as buffer:
            extents = buffer.extents()
            self.assertEqual(extents, pagemap(address_of(buffer), MIB))
            self.assertEqual(len(extents), buffer.extent_count)
            self.assertEqual(buffer.extents(100, 10000),
                             pagemap(address_of(buffer) + 100, 10000))

    def test_writes_arrive_in_physical_memory(self):
        pattern = os.urandom(MIB)
        with self.client.alloc(MIB, rungs=contig.Rungs.SCATTER) as buffer:
            buffer[:] = pattern
            self.assertEqual(contents(buffer.extents()), pattern)

    def test_views_outlive_the_buffer(self):
        with self.client.alloc(PAGE, name="outlived") as buffer:
            view = memoryview(buffer)
            view[:5] = b"hello"
        self.assertTrue(buffer.closed)
        self.assertEqual(bytes(view[:5]), b"hello")
        self.assertIn("outlived", debugfs("buffers"))
        del view, buffer
        self.assertNotIn("outlived", debugfs("buffers"))

    def test_closed_buffers_raise(self):
        buffer = self.client.alloc(PAGE)
        lock = self.client.lock(buffer)
        buffer.close()
        buffer.close()
        for attribute in ("rung", "extent_count", "physical_address"):
            with self.assertRaises(ValueError):
                getattr(buffer, attribute)
        with self.assertRaises(ValueError):
            lock.extents()
        lock.unlock()

    def test_buffers_outlive_the_client(self):
        buffer = self.client.alloc(PAGE)
        self.assertEqual(len(buffer.extents()), 1)
        self.client.close()
        buffer[0] = 7
        with self.assertRaises(ValueError):
            buffer.extents()
        buffer.close()

    def test_imports_a_descriptor(self):
        with self.client.alloc(PAGE) as buffer:
            buffer[:3] = b"abc"
            with self.client.import_buffer(buffer.fileno()) as other:
                self.assertEqual(other[:3], b"abc")
                self.assertEqual(other.rung, contig.Rung.NONE)
                self.assertEqual(other.extents(), buffer.extents())
        with open("/dev/null", "rb") as file:
            self.fails(errno.EBADFD, self.client.import_buffer, file.fileno())

    def test_syncs_without_a_device(self):
        with self.client.alloc(PAGE) as buffer:
            buffer.sync_to_device()
            buffer.sync_from_device()

    def test_explains_failures(self):
        rungs = contig.Rungs.RESERVE | contig.Rungs.COHERENT
        error = self.fails(errno.ENOMEM, self.client.alloc,
                           self.client.info().ram_bytes // 3, rungs=rungs)
        self.assertEqual([each.rung for each in error.reports],
                         [contig.Rung.RESERVE, contig.Rung.COHERENT])
        self.assertEqual(error.reports[1].blocked, contig.Blocked.TOO_LARGE)
        self.assertIn("reserve", error.explanation)
        self.assertIn(error.explanation, str(error))
        self.assertNotIn(error.strerror, "reserve")
        self.fails(errno.EINVAL, self.client.alloc, 0)
        self.fails(errno.EINVAL, self.client.alloc, PAGE, name="x" * 32)
        self.fails(errno.EOPNOTSUPP, self.client.alloc, PAGE, rungs=1 << 20)

    def test_probes(self):
        probe = self.client.probe(MIB, rungs=contig.Rungs.RESERVE)
        self.assertEqual(probe.rung, contig.Rung.RESERVE)
        self.assertEqual(probe.remedy, contig.Remedy.NONE)
        self.assertGreaterEqual(probe.largest, MIB)
        self.assertEqual(len(probe.reports), 1)
        probe = self.client.probe(self.client.info().ram_bytes // 3,
                                  rungs=contig.Rungs.COHERENT)
        self.assertEqual(probe.rung, contig.Rung.NONE)
        self.assertNotEqual(probe.remedy, contig.Remedy.NONE)
        self.assertIn("coherent", probe.explanation)
        self.fails(errno.EINVAL, self.client.probe, 0)


class Locks(Case):
    def check(self, memory, length, **options):
        with self.client.lock(memory, **options) as lock:
            self.assertEqual(lock.length, length)
            extents = lock.extents()
            self.assertEqual(extents, pagemap(address_of(memory), length))
            self.assertEqual(contents(extents), bytes(memoryview(memory)))
            self.is_locked(memory)
        self.is_locked(memory, 0)

    def test_bytearray(self):
        self.check(bytearray(os.urandom(100001)), 100001)

    def test_array(self):
        self.check(array.array("H", range(30000)), 60000)

    def test_slice(self):
        data = bytearray(os.urandom(50000))
        self.check(memoryview(data)[1000:21000], 20000)

    def test_mapping(self):
        with mmap.mmap(-1, 3 * PAGE) as memory:
            memory[:] = os.urandom(3 * PAGE)
            self.check(memory, 3 * PAGE)

    @needs_numpy
    def test_numpy(self):
        self.check(numpy.arange(70000, dtype="f8"), 560000)

    def test_bytes_for_output_only(self):
        data = os.urandom(50000)
        with self.assertRaises(BufferError):
            self.client.lock(data)
        if numpy:
            self.check(data, 50000, output=True)

    def test_memory_cannot_go(self):
        data = bytearray(PAGE)
        with self.client.lock(data):
            with self.assertRaises(BufferError):
                data.extend(b"more")
        data.extend(b"more")

    def test_counts(self):
        data = bytearray(PAGE)
        with self.client.lock(data):
            with self.client.lock(data):
                self.is_locked(data, 2)
            self.is_locked(data, 1)

    def test_part_of_a_buffer(self):
        with self.client.alloc(4 * PAGE) as buffer:
            part = memoryview(buffer)[PAGE:2 * PAGE]
            with self.client.lock(part) as lock:
                self.assertEqual(lock.extents(), buffer.extents(PAGE, PAGE))
            del part

    def test_unlock_releases(self):
        data = bytearray(PAGE)
        lock = self.client.lock(data)
        lock.unlock()
        lock.unlock()
        data.extend(b"more")
        with self.assertRaises(ValueError):
            lock.extents()

    def test_ranges(self):
        data = bytearray(PAGE)
        with self.client.lock(data) as lock:
            start = address_of(data)
            self.assertEqual(lock.physical_address,
                             pagemap(start, 1)[0][0]) \
                if start % PAGE == 0 else None
            self.assertEqual(lock.extents(10, 20), pagemap(start + 10, 20))
            for offset, length in ((-1, 1), (0, PAGE + 1), (PAGE, 1), (0, -1)):
                with self.assertRaises(ValueError):
                    lock.extents(offset, length)
            self.fails(errno.EINVAL, lock.extents, PAGE)

    def test_several_extents_have_no_address(self):
        with self.client.alloc(MIB, rungs=contig.Rungs.SCATTER) as buffer:
            if buffer.extent_count == 1:
                self.skipTest("the pages happen to be adjacent")
            self.fails(errno.EILSEQ, lambda: buffer.physical_address)
            self.fails(errno.EILSEQ, self.client.lock, buffer,
                       contiguous=True)

    def test_failures_leave_nothing(self):
        data = bytearray(PAGE)
        self.fails(errno.EUNATCH, self.client.lock, data,
                   device_contiguous=True)
        data.extend(b"more")
        self.fails(errno.EINVAL, self.client.lock, bytearray())
        with self.assertRaises(TypeError):
            self.client.lock(7)

    def test_exceptions_leave_nothing(self):
        files = open_files()
        data = bytearray(PAGE)
        for _ in range(50):
            with self.assertRaises(ZeroDivisionError):
                with contig.open() as client, \
                        client.alloc(MIB, name="left over") as buffer, \
                        client.lock(data) as lock, client.lock(buffer):
                    self.assertTrue(lock.extents() and buffer.extents())
                    1 / 0
            del client, buffer, lock
        self.assertEqual(open_files(), files)
        self.assertNotIn("left over", debugfs("buffers"))
        data.extend(b"more")

    def test_the_client_ends_locks(self):
        data = bytearray(PAGE)
        lock = self.client.lock(data)
        self.client.close()
        with self.assertRaises(ValueError):
            lock.extents()
        lock.unlock()
        data.extend(b"more")


@needs_numpy
class Holds(Case):
    def test_is_resident_and_locked_in_the_process(self):
        with mmap.mmap(-1, 4 * PAGE) as memory:
            with self.client.hold(memory) as hold:
                self.assertEqual(hold.length, 4 * PAGE)
                self.assertEqual(locked_kib(), 4 * PAGE // 1024)
                # Resident, and not fixed in place.
                self.assertEqual(sum(length for _, length in
                                     pagemap(address_of(memory), 4 * PAGE)),
                                 4 * PAGE)
                self.is_locked(memory, 0)
                with self.assertRaises(BufferError):
                    memory.resize(PAGE)
            self.assertTrue(hold.closed)
            self.assertEqual(locked_kib(), 0)

    def test_counts(self):
        data = bytearray(PAGE)
        one = self.client.hold(data)
        two = self.client.hold(data)
        held = locked_kib()
        one.close()
        one.close()
        self.assertEqual(locked_kib(), held)
        two.close()
        self.assertEqual(locked_kib(), 0)
        self.fails(errno.EINVAL, self.client.hold, bytearray())


class Preparations(Case):
    def test_addresses_of_each_page(self):
        with mmap.mmap(-1, 5 * PAGE) as memory:
            memory[:] = os.urandom(5 * PAGE)
            part = memoryview(memory)[100:4 * PAGE + 50]
            with self.client.prepare(part, contig.IoFlags.OUTPUT,
                                     dma=False) as prepared:
                self.assertEqual(prepared.length, 4 * PAGE - 50)
                self.assertTrue(prepared.complete)
                self.assertEqual(prepared.bounced, 0)
                where = [pagemap(address_of(memory) + i * PAGE, PAGE)[0][0]
                         for i in range(5)]
                where[0] += 100
                self.assertEqual(list(prepared.addresses), where)
                self.is_locked(part)
                prepared.checkpoint()
                prepared.checkpoint(contig.IoFlags.OUTPUT)
            self.assertTrue(prepared.closed)
            self.is_locked(part, 0)
            self.assertRaises(ValueError, prepared.checkpoint)
            part.release()

    def test_parts(self):
        with self.client.alloc(5 * PAGE) as buffer:
            pages = []
            first = 0
            while first < len(buffer):
                with self.client.prepare(buffer, dma=False, first=first,
                                         max_pages=2) as prepared:
                    pages += prepared.addresses
                    first += prepared.length
                    self.assertEqual(prepared.complete, first == 5 * PAGE)
            self.assertEqual(pages, [
                extent.address + at for extent in buffer.extents()
                for at in range(0, extent.length, PAGE)])

    def test_errors(self):
        self.fails(errno.EUNATCH, self.client.prepare, bytearray(PAGE))
        self.fails(errno.EINVAL, self.client.prepare, bytearray(PAGE),
                   dma=False, first=PAGE)
        self.fails(errno.EMSGSIZE, self.client.prepare, bytearray(4 * PAGE),
                   dma=False, max_pages=1, granularity=2 * PAGE)
        data = os.urandom(PAGE)
        with self.assertRaises(BufferError):
            self.client.prepare(data, contig.IoFlags.INPUT, dma=False)

    def test_ends_with_the_client(self):
        data = bytearray(PAGE)
        with contig.open() as client:
            prepared = client.prepare(data, dma=False)
        prepared.close()
        data.extend(b"more")


class Arrays(Case):
    def test_asarray_shares_the_memory(self):
        with self.client.alloc(MIB) as buffer:
            view = numpy.asarray(buffer)
            self.assertEqual((view.shape, view.dtype), ((MIB,), "u1"))
            view[:] = numpy.arange(MIB) % 251
            self.assertEqual(contents(buffer.extents()), view.tobytes())
            self.assertEqual(buffer[252], 1)

    def test_allocate(self):
        with self.client.allocate((128, 256), "f4",
                                  rungs=contig.Rungs.CONTIGUOUS) as values:
            self.assertIsInstance(values, contig.Array)
            self.assertEqual((values.shape, values.dtype), ((128, 256), "f4"))
            values[:] = numpy.random.random((128, 256))
            self.assertEqual(
                physical_memory(values.physical_address, values.nbytes),
                values.tobytes())
            self.assertEqual(values.buffer.rung, contig.Rung.RESERVE)

    def test_views_know_their_addresses(self):
        with self.client.allocate((64, 1024), "u2",
                                  rungs=contig.Rungs.CONTIGUOUS) as values:
            start = values.physical_address
            self.assertEqual(values[3].physical_address, start + 3 * 2048)
            self.assertEqual(values[3:5, 8:].physical_address,
                             start + 3 * 2048 + 16)
            self.assertEqual(values[::-1].physical_address, start)
            self.assertEqual(values.T.extents(), values.extents())
            self.assertEqual(values[2:4].view("u1").extents(),
                             [(start + 4096, 4096)])

    def test_copies_have_no_address(self):
        with self.client.allocate(1024, "u4") as values:
            for copy in (values.copy(), values + 1, values[[1, 2]]):
                self.assertIsNone(copy.buffer)
                with self.assertRaises(ValueError):
                    copy.extents()

    def test_arrays_outlive_the_buffer(self):
        with self.client.allocate(1024, "u4", name="outlived") as values:
            values[:] = 5
        self.assertEqual(values.sum(), 5 * 1024)
        with self.assertRaises(ValueError):
            values.extents()
        self.assertIn("outlived", debugfs("buffers"))
        del values
        self.assertNotIn("outlived", debugfs("buffers"))

    def test_array_of_a_buffer(self):
        with self.client.alloc(PAGE) as buffer:
            self.assertEqual(buffer.array(dtype="u4").shape, (PAGE // 4,))
            self.assertEqual(buffer.array((4, 4), "u1", 100).extents(),
                             buffer.extents(100, 16))
            with self.assertRaises(TypeError):
                buffer.array((PAGE + 1,))

    def test_example(self):
        if not os.path.exists(EXAMPLE):
            self.skipTest(f"there is no {EXAMPLE}")
        output = subprocess.run([sys.executable, EXAMPLE], check=True,
                                capture_output=True, text=True).stdout
        lengths = [int(line.split()[1]) for line in output.splitlines()]
        self.assertEqual(lengths[0], MIB)
        self.assertEqual(sum(lengths[1:]), 65536)


class Edu:
    """QEMU's device edu: DMA between memory and a buffer of its own."""

    CHUNK = 2048
    BITS = 28

    def __init__(self):
        for path in glob.glob("/sys/bus/pci/devices/*"):
            if self.read(f"{path}/device") == "0x11e8":
                self.path = path
                break
        else:
            raise unittest.SkipTest("no device: run QEMU with -device edu")
        self.slot = os.path.basename(self.path)
        self.name = f"pci/{self.slot}"
        subprocess.run(["modprobe", "uio_pci_generic"], check=True)
        if not os.path.exists(f"{self.path}/driver"):
            self.write(f"{self.path}/driver_override", "uio_pci_generic")
            self.write("/sys/bus/pci/drivers_probe", self.slot)
        with open(f"{self.path}/config", "r+b", buffering=0) as config:
            config.seek(4)
            command, = struct.unpack("H", config.read(2))
            config.seek(4)
            config.write(struct.pack("H", command | 6))
        with open(f"{self.path}/resource0", "r+b", buffering=0) as bar:
            self.registers = memoryview(mmap.mmap(bar.fileno(), MIB)).cast("Q")

    @staticmethod
    def read(path):
        with open(path, encoding="ascii") as file:
            return file.read().strip()

    @staticmethod
    def write(path, text):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)

    def transfer(self, address, to_memory):
        source, target = (0x40000, address) if to_memory else \
            (address, 0x40000)
        registers = self.registers
        registers[0x80 // 8] = source
        registers[0x88 // 8] = target
        registers[0x90 // 8] = self.CHUNK
        registers[0x98 // 8] = 3 if to_memory else 1
        until = time.monotonic() + 20
        while registers[0x98 // 8] & 1:
            if time.monotonic() > until:
                raise TimeoutError("the device does not end its transfer")
            time.sleep(0.01)


class Devices(Case):
    def setUp(self):
        super().setUp()
        self.edu = Edu()
        self.client.attach(self.edu.name, address_bits=Edu.BITS)

    def test_describes_the_device(self):
        device = self.client.device()
        self.assertEqual(device.name, self.edu.name)
        self.assertEqual(device.address_bits, Edu.BITS)
        self.client.detach()
        self.fails(errno.EUNATCH, self.client.device)
        self.fails(errno.EUNATCH, self.client.detach)
        self.fails(errno.ENODEV, self.client.attach, "pci/0000:00:00.7")
        self.fails(errno.EINVAL, self.client.attach, "")

    def move(self, source, target):
        """Let the device copy the first chunk of one to the other."""
        source.sync_to_device(0, Edu.CHUNK)
        self.edu.transfer(source.dma_extents(0, Edu.CHUNK)[0].address, False)
        target.sync_to_device(0, Edu.CHUNK, contig.IoFlags.INPUT)
        self.edu.transfer(target.dma_extents(0, Edu.CHUNK)[0].address, True)
        target.sync_from_device(0, Edu.CHUNK)

    def test_dma_moves_a_buffer(self):
        pattern = os.urandom(Edu.CHUNK)
        with self.client.alloc(PAGE) as source, \
                self.client.alloc(PAGE) as target:
            source[:Edu.CHUNK] = pattern
            self.move(source, target)
            self.assertEqual(target[:Edu.CHUNK], pattern)

    def test_dma_between_checkpoints(self):
        with self.client.alloc(PAGE) as source, \
                self.client.alloc(PAGE) as target, \
                self.client.prepare(source, contig.IoFlags.OUTPUT) as out, \
                self.client.prepare(target, contig.IoFlags.INPUT) as into:
            for _ in range(2):
                source[:Edu.CHUNK] = os.urandom(Edu.CHUNK)
                out.checkpoint(contig.IoFlags.OUTPUT)
                self.edu.transfer(out.addresses[0], False)
                self.edu.transfer(into.addresses[0], True)
                into.checkpoint(contig.IoFlags.INPUT)
                self.assertEqual(target[:Edu.CHUNK], source[:Edu.CHUNK])

    def test_dma_moves_memory_of_the_program(self):
        if contig.DeviceFeature.IOMMU not in self.client.device().features:
            self.skipTest("without an IOMMU the device may not reach it")
        # Pages of their own, so that a chunk has one address.
        with mmap.mmap(-1, PAGE) as one, mmap.mmap(-1, PAGE) as two:
            one[:] = os.urandom(PAGE)
            with self.client.lock(one, output=True) as source, \
                    self.client.lock(two) as target:
                self.move(source, target)
                self.assertEqual(two[:Edu.CHUNK], one[:Edu.CHUNK])

    def test_scattered_memory_has_one_dma_address(self):
        if contig.DeviceFeature.IOMMU not in self.client.device().features:
            self.skipTest("there is no IOMMU")
        with self.client.alloc(MIB, rungs=contig.Rungs.SCATTER) as buffer, \
                self.client.lock(buffer, device_contiguous=True) as lock:
            self.assertEqual(lock.dma_extents(), [(lock.dma_address, MIB)])
            self.assertNotEqual(lock.dma_address, lock.extents()[0].address)

    @needs_numpy
    def test_arrays_sync_and_have_dma_addresses(self):
        with self.client.allocate((2, Edu.CHUNK)) as values:
            values[0] = numpy.arange(Edu.CHUNK) % 253
            values[0].sync_to_device()
            self.edu.transfer(values[0].dma_address, False)
            self.edu.transfer(values[1].dma_address, True)
            values[1].sync_from_device()
            self.assertTrue((values[0] == values[1]).all())


class Ktap(unittest.TestResult):
    """Prints each result as a line of KTAP."""

    number = 0

    def line(self, result, test, comment=""):
        self.number += 1
        name = test.id().split(".", 1)[-1].replace("test_", "")
        print(f"{result} {self.number} {name}{comment}", flush=True)

    def why(self, test, error):
        for line in self._exc_info_to_string(error, test).splitlines():
            print(f"# {line}")
        self.line("not ok", test)

    def addSuccess(self, test):
        self.line("ok", test)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.why(test, error)

    def addError(self, test, error):
        super().addError(test, error)
        self.why(test, error)

    def addSkip(self, test, reason):
        self.line("ok", test, f" # SKIP {reason}")


def main(arguments):
    if arguments[:1] == ["-t"] and len(arguments) == 2:
        wanted = arguments[1]
    elif arguments:
        print(__doc__, file=sys.stderr)
        return 2
    else:
        wanted = ""
    print("KTAP version 1")
    if MISSING or not os.path.exists("/dev/contig"):
        print(f"1..0 # SKIP {MISSING or 'no /dev/contig: load the module'}")
        return KSFT_SKIP
    tests = [test for suite in unittest.defaultTestLoader.loadTestsFromModule(
        sys.modules["__main__"]) for test in suite if wanted in test.id()]
    print(f"1..{len(tests)}", flush=True)
    result = Ktap()
    warnings.simplefilter("error")
    unittest.TestSuite(tests).run(result)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

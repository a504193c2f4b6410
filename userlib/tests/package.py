# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Test the Python package on a library with a stand-in for the kernel, in the
folder that the argument names. Failures are injected, after which nothing may
be left: selftests/python.py tests the rest on the real module."""

import ctypes
import errno
import gc
import mmap
import os
import signal
import sys
import unittest

if __name__ == "__main__":
    # Found before the package looks for it by its name.
    fake = ctypes.CDLL(os.path.join(sys.argv.pop(1), "libcontig.so.0"))
    _load = ctypes.CDLL
    ctypes.CDLL = lambda name, *rest: (
        fake if name == "libcontig.so.0" else _load(name, *rest))

import contig  # noqa: E402
from contig import _abi  # noqa: E402

PAGE = mmap.PAGESIZE
COMMANDS = {name: number for number, name in enumerate(
    ("info", "alloc", "probe", "hold", "unhold", "lock", "unlock",
     "get_physical"))}


def files() -> int:
    return len(os.listdir("/proc/self/fd"))


class Package(unittest.TestCase):
    def setUp(self) -> None:
        fake.fake_reset(None)
        self.files = files()
        self.client = contig.open()
        self.addCleanup(self.nothing_is_left)

    def nothing_is_left(self) -> None:
        self.client.close()
        gc.collect()
        self.assertEqual(fake.fake_busy_pages(), 0)
        self.assertEqual(files(), self.files)

    def fails(self, command: str, error: int, function, *arguments,
              **options) -> contig.Error:
        fake.fake_fail(COMMANDS[command], 0, error)
        with self.assertRaises(contig.Error) as caught:
            function(*arguments, **options)
        self.assertEqual(caught.exception.errno, error)
        return caught.exception

    def test_interrupted_calls_leave_nothing(self) -> None:
        """A signal that comes while the kernel works raises KeyboardInterrupt
        when the library returns."""
        data = bytearray(3 * PAGE)
        for call in (lambda: self.client.alloc(PAGE),
                     lambda: self.client.lock(data),
                     lambda: self.client.hold(data),
                     lambda: self.client.prepare(data, dma=False)):
            buffer = self.client.alloc(PAGE)
            busy = fake.fake_busy_pages()
            count = files()
            fake.fake_raise(signal.SIGINT)
            with self.assertRaises(KeyboardInterrupt):
                call()
            gc.collect()
            self.assertEqual(fake.fake_busy_pages(), busy)
            self.assertEqual(files(), count)
            buffer.close()
        data.extend(b"no view is left")

    def test_open_fails(self) -> None:
        self.fails("info", errno.ENOTTY, contig.open)

    def test_alloc_fails(self) -> None:
        for number in (errno.ENOMEM, errno.ERANGE, errno.EPERM, errno.EINVAL):
            error = self.fails("alloc", number, self.client.alloc, PAGE)
            self.assertIn(errno.errorcode[number], str(error))
            self.assertTrue(error.explanation.endswith("."), error)

    def test_map_fails(self) -> None:
        # So much cannot be mapped.
        with self.assertRaises((contig.Error, OverflowError)):
            self.client.alloc(1 << 62)

    def test_lock_fails(self) -> None:
        data = bytearray(PAGE)
        self.fails("lock", errno.EDQUOT, self.client.lock, data)
        data.append(1)

    def test_lock_of_a_buffer_fails(self) -> None:
        with self.client.alloc(PAGE) as buffer:
            self.fails("lock", errno.EDQUOT, self.client.lock, buffer)
            self.fails("lock", errno.EDQUOT, buffer.extents)
            self.assertTrue(buffer.extents())

    def test_translation_fails(self) -> None:
        with self.client.lock(bytearray(PAGE)) as lock:
            error = self.fails("get_physical", errno.EPERM, lock.extents)
            self.assertIn("CAP_SYS_RAWIO", error.explanation)
            self.assertTrue(lock.extents())

    def test_unlock_fails_and_works_again(self) -> None:
        data = bytearray(PAGE)
        lock = self.client.lock(data)
        self.fails("unlock", errno.ENOMEM, lock.unlock)
        with self.assertRaises(BufferError):
            data.append(1)
        lock.unlock()
        data.append(1)

    def test_close_fails_and_works_again(self) -> None:
        buffer = self.client.alloc(PAGE)
        self.assertTrue(buffer.extents())
        self.fails("unlock", errno.ENOMEM, buffer.close)
        self.assertFalse(buffer.closed)
        buffer.close()

    def test_buffer_without_close_is_no_cycle(self) -> None:
        gc.disable()
        self.addCleanup(gc.enable)
        buffer = self.client.alloc(PAGE)
        self.assertTrue(buffer.extents())
        with self.assertWarns(ResourceWarning):
            del buffer
        self.assertEqual(fake.fake_busy_pages(), 0)
        self.assertEqual(files(), self.files + 1)

    def test_closed_client_takes_no_memory(self) -> None:
        data = bytearray(PAGE)
        self.client.close()
        with self.assertRaises(ValueError):
            self.client.lock(data)
        data.append(1)

    def test_array_keeps_the_memory(self) -> None:
        try:
            import numpy
        except ImportError:
            self.skipTest("there is no numpy")
        with self.client.allocate((4, 4), "u4") as values:
            values[:] = 3
        view = values[1:]
        del values
        gc.collect()
        self.assertEqual(int(view.sum()), 36)
        self.assertIsInstance(view, numpy.ndarray)

    def test_unknown_values_are_numbers(self) -> None:
        answer = _abi.contig_probe(size=ctypes.sizeof(_abi.contig_probe),
                                   out_rung=77)
        self.assertEqual(contig.Probe._from(answer).rung, 77)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Requests and results."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, fields
from typing import Any, Callable, NamedTuple

from . import _abi
from ._abi import (Blocked, DeviceFeature, Feature, NodePolicy, Remedy, Rung)
from ._library import known, lib, text_of


class Extent(NamedTuple):
    """Adjacent memory, as the CPU or a device sees it.

    address: physical address or DMA address of the first byte
    length: in bytes
    """

    address: int
    length: int


@dataclass(frozen=True)
class Constraints:
    """Limits that memory must meet. 0 stands for no limit.

    lowest, highest: physical addresses of the first and the last byte that the
        memory may have. limit_bits() makes these from a number of bits
    align: every segment starts at a multiple of this, a power of two
    boundary: no segment crosses a multiple of this, a power of two of at least
        a page
    min_segment, max_segment: length of a segment in bytes; the last one may be
        shorter
    max_segments: how many segments there may be
    node, node_policy: a NUMA node, and how strictly it is meant

    A device cuts each extent into segments, at multiples of boundary and after
    max_segment bytes. Limits that leave only a few places need the right to
    see physical addresses (EPERM).
    """

    lowest: int = 0
    highest: int = 0
    align: int = 0
    boundary: int = 0
    min_segment: int = 0
    max_segment: int = 0
    max_segments: int = 0
    node_policy: NodePolicy = NodePolicy.ANY
    node: int = 0

    @classmethod
    def limit_bits(cls, bits: int, **others: int) -> Constraints:
        """Return the constraints for a device with so many address bits."""
        return cls(highest=(1 << bits) - 1, **others)  # type: ignore[arg-type]

    def _fill(self, to: _abi.contig_constraints) -> None:
        for field in fields(self):
            setattr(to, field.name, int(getattr(self, field.name)))


@dataclass(frozen=True)
class Report:
    """The result of one rung.

    rung: the rung
    error: 0, or the positive errno with which it failed
    blocked: why it gave no memory
    windows: how many places it tried
    time_ns: how long it took, in nanoseconds
    largest: the largest length in bytes that it could have given, 0 if that
        was not computed
    at_least: the rung may be able to give more than largest
    """

    rung: Rung | int
    error: int
    blocked: Blocked | int
    windows: int
    time_ns: int
    largest: int
    at_least: bool


def reports_of(answer: _abi.contig_alloc | _abi.contig_probe) -> \
        tuple[Report, ...]:
    """Return the reports of an allocation or a probe."""
    return tuple(Report(known(Rung, report.rung), report.error,
                        known(Blocked, report.blocked), report.windows,
                        report.time_ns, report.largest,
                        bool(answer.out_at_least & 1 << report.rung))
                 for report in answer.out_reports[:answer.out_report_count])


@dataclass(frozen=True)
class Probe:
    """The result that an allocation would have at this moment.

    rung: the rung that would give the memory, Rung.NONE if none
    remedy: the most effective remedy
    largest: the largest single extent that could be allocated, in bytes
    at_least: more than largest may be possible
    moves: pages that would have to be moved
    free_pages, movable_pages, kernel_pages, pinned_pages: pages in each state,
        among those that the constraints allow
    address_bits: memory whose addresses have at most so many bits is low
        enough for the constraints and the device
    reports: one for each rung that the request allows
    explanation: the result in plain English

    Numbers are rounded, or 0, for a caller without the right to see physical
    addresses: see struct contig_probe in contig_types(3).
    """

    rung: Rung | int
    remedy: Remedy | int
    largest: int
    at_least: bool
    moves: int
    free_pages: int
    movable_pages: int
    kernel_pages: int
    pinned_pages: int
    address_bits: int
    reports: tuple[Report, ...]
    explanation: str

    @classmethod
    def _from(cls, answer: _abi.contig_probe) -> Probe:
        return cls(known(Rung, answer.out_rung),
                   known(Remedy, answer.out_remedy), answer.out_largest,
                   bool(answer.out_at_least & 1), answer.out_moves,
                   answer.out_free_pages, answer.out_movable_pages,
                   answer.out_kernel_pages, answer.out_pinned_pages,
                   answer.out_address_bits, reports_of(answer),
                   text_of(lib.contig_explain_probe, ctypes.byref(answer)))


def _members(kind: Any, answer: ctypes.Structure,
             **conversions: Callable[[Any], Any]) -> dict[str, Any]:
    """Return what the kernel wrote into a structure, for the fields of a
    dataclass."""
    values = {field.name: getattr(answer, "out_" + field.name)
              for field in fields(kind)}
    for name, convert in conversions.items():
        values[name] = convert(values[name])
    return values


@dataclass(frozen=True)
class Info:
    """The machine and the module.

    abi_version: CONTIG_ABI_VERSION of the module
    page_size: bytes in a page
    features: what the module can do, and what this caller may do
    ram_bytes: size of the memory that the kernel manages
    ram_top: highest physical address of that memory
    max_order_bytes: largest block that the page allocator itself can give
    reserve_bytes, reserve_free, reserve_largest: size of the reserve, free
        bytes of it, and its largest free block
    quota_bytes, quota_used: how much memory the user may have allocated, and
        how much that is now
    """

    abi_version: int
    page_size: int
    features: Feature
    ram_bytes: int
    ram_top: int
    max_order_bytes: int
    reserve_bytes: int
    reserve_free: int
    reserve_largest: int
    quota_bytes: int
    quota_used: int

    @classmethod
    def _from(cls, info: _abi.contig_info) -> Info:
        return cls(**_members(cls, info, features=Feature))


@dataclass(frozen=True)
class Device:
    """The device that a client's memory is for.

    name: "pci/DDDD:BB:DD.F" or "platform/NAME"
    address_bits: how many bits of a DMA address are in force
    node: NUMA node that the device is next to, -1 if it is not known
    max_segment: longest segment that it takes, in bytes
    boundary: no segment may cross a multiple of this, in bytes; 0 for none
    highest: the highest physical address that it can reach
    features: whether an IOMMU translates, and whether it looks into caches
    """

    name: str
    address_bits: int
    node: int
    max_segment: int
    boundary: int
    highest: int
    features: DeviceFeature

    @classmethod
    def _from(cls, device: _abi.contig_device) -> Device:
        return cls(**_members(cls, device, name=bytes.decode,
                              features=DeviceFeature))

/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
struct contig_twice {
	int number;
};

enum contig_shown {
	CONTIG_OTHER_SHOWN,
};

enum contig_device_one { CONTIG_DEVICE_ONE };
enum contig_device_two { CONTIG_DEVICE_TWO };

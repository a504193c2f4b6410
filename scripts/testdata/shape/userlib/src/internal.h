/* SPDX-License-Identifier: MIT */
/* The other side of the module's. */
struct contig_found {
	int fd;
};

int library(bool a, bool b);

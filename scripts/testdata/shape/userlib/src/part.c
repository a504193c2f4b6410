// SPDX-License-Identifier: MIT
union contig_twice {
	int a;
};

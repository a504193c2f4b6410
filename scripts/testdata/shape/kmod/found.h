/* SPDX-License-Identifier: GPL-2.0-only */
enum contig_first {
	CONTIG_ORDER_FIRST,
	CONTIG_OTHER_FIRST,
};

enum contig_second {
	CONTIG_ORDER_SECOND = 1,
};

struct contig_found {
	void (*call)(bool, bool);
	union contig_inner {
		int a;
	} inner;
};

void contig_pair(bool from,
		 struct contig_found *found, const bool to);

// SPDX-License-Identifier: GPL-2.0-only
struct contig_found
{
	int a;
};

struct contig_twice {
	char number;
};

enum contig_inner { CONTIG_INNER_A };

TRACE_EVENT(contig_pair,
	TP_PROTO(bool a, bool b, bool c),
	TP_ARGS(a, b, c)
);

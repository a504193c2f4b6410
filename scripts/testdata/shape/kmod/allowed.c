// SPDX-License-Identifier: GPL-2.0-only
/* void in_a_comment(bool a, bool b); struct contig_allowed { int a; }; */
struct contig_forward;

struct contig_allowed {
	const char *text;
};

enum contig_color {
	CONTIG_COLOR_RED = BIT(0),
	CONTIG_COLOR_BLUE = MIX(1, CONTIG_SHAPE_ROUND),
	CONTIG_COLORS,
};

enum contig_size {
	CONTIG_SIZE_SMALL, CONTIG_SIZE_LARGE,
	CONTIG_SIZES
};

#define MACRO(a) while (((a) { struct contig_allowed {

static bool one(bool a, const char *b, bool *found);
static bool two(bool (*each)(bool a), int n, bool b)
{
	static struct contig_allowed text = { "struct contig_allowed { bool, bool" };
	bool c = each((bool)n, (bool)b), d = c;

	return one(c, text.text, &d) && '(' != n;
}

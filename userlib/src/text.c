// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Composing a text.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

void ctg_add(struct ctg_text *text, const char *format, ...)
{
	size_t room = text->length < text->size ? text->size - text->length : 0;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(room ? text->start + text->length : NULL, room,
			   format, args);
	va_end(args);
	if (length > 0)
		text->length += length;
}

/*
 * Format a size in the largest unit that gives at least ten, or a whole number.
 * Return true if the text is exact.
 */
static bool format_size(char text[32], uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	uint64_t tenths = 0;
	bool exact = true;
	int unit = -1;

	while (bytes >= 10240 ||
	       (bytes >= 1024 && !tenths && !(bytes % 1024))) {
		if (tenths || bytes % 512)
			exact = false;
		/* Round down, so that the text never promises too much. */
		tenths = bytes % 1024 * 10 / 1024;
		bytes /= 1024;
		unit++;
	}
	if (unit < 0)
		snprintf(text, 32, "%" PRIu64 " byte%s", bytes,
			 bytes == 1 ? "" : "s");
	else if (tenths)
		snprintf(text, 32, "%" PRIu64 ".%" PRIu64 " %ciB", bytes,
			 tenths, units[unit]);
	else
		snprintf(text, 32, "%" PRIu64 " %ciB", bytes, units[unit]);
	return exact;
}

const char *ctg_format_size(char text[32], uint64_t bytes)
{
	format_size(text, bytes);
	return text;
}

/*
 * Format a length. If no single unit can express it, write a sum, as in "64 MiB
 * + 4 KiB", or round it if the sum has more than three parts.
 */
const char *ctg_format_length(char text[96], uint64_t bytes)
{
	uint64_t rest = bytes;
	size_t used = 0;
	int shift, parts = 0;

	if (format_size(text, bytes))
		return text;
	for (shift = 60; shift >= 0; shift -= 10) {
		uint64_t part = rest >> shift << shift;
		char size[32];

		if (!part)
			continue;
		rest -= part;
		format_size(size, part);
		used += snprintf(text + used, 96 - used, "%s%s",
				 used ? " + " : "", size);
		parts++;
	}
	if (parts > 3)
		format_size(text, bytes);
	return text;
}

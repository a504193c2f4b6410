// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Putting a text together.
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

/* In the largest unit of which there are ten, or a whole number. */
const char *ctg_format_size(char text[32], uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	uint64_t tenths = 0;
	int unit = -1;

	while (bytes >= 10240 ||
	       (bytes >= 1024 && !tenths && !(bytes % 1024))) {
		/* Rounded down, so that it never promises too much. */
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
	return text;
}

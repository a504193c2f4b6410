// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions of contig.ko that contig_kunit.ko tests
 */
#include <linux/export.h>

#include "areas.h"
#include "avoid.h"
#include "constraints.h"
#include "early.h"
#include "extents.h"
#include "preparation.h"
#include "request.h"
#include "request_check.h"
#include "slide.h"

EXPORT_SYMBOL_GPL(contig_area_new);
EXPORT_SYMBOL_GPL(contig_areas_cover);
EXPORT_SYMBOL_GPL(contig_areas_cut);
EXPORT_SYMBOL_GPL(contig_areas_empty);
EXPORT_SYMBOL_GPL(contig_areas_gap);
EXPORT_SYMBOL_GPL(contig_areas_init);
EXPORT_SYMBOL_GPL(contig_areas_insert);
EXPORT_SYMBOL_GPL(contig_areas_join);
EXPORT_SYMBOL_GPL(contig_areas_remove);
EXPORT_SYMBOL_GPL(contig_areas_take);
EXPORT_SYMBOL_GPL(contig_spares_alloc);
EXPORT_SYMBOL_GPL(contig_spares_free);
EXPORT_SYMBOL_GPL(contig_spares_need);

EXPORT_SYMBOL_GPL(contig_early_parse);

EXPORT_SYMBOL_GPL(contig_cursor_init);
EXPORT_SYMBOL_GPL(contig_cursor_next);
EXPORT_SYMBOL_GPL(contig_extents_addrs);
EXPORT_SYMBOL_GPL(contig_extents_append);
EXPORT_SYMBOL_GPL(contig_extents_append_pages);
EXPORT_SYMBOL_GPL(contig_extents_count);
EXPORT_SYMBOL_GPL(contig_extents_ends);
EXPORT_SYMBOL_GPL(contig_extents_find);
EXPORT_SYMBOL_GPL(contig_extents_free);
EXPORT_SYMBOL_GPL(contig_extents_init);
EXPORT_SYMBOL_GPL(contig_extents_pages);
EXPORT_SYMBOL_GPL(contig_extents_pfn);
EXPORT_SYMBOL_GPL(contig_extents_entry_len);

EXPORT_SYMBOL_GPL(contig_extents_fit);
EXPORT_SYMBOL_GPL(contig_request_init);
EXPORT_SYMBOL_GPL(contig_request_init_plain);
EXPORT_SYMBOL_GPL(contig_segment_limit);
EXPORT_SYMBOL_GPL(contig_window_fits);

EXPORT_SYMBOL_GPL(contig_preparation_add);
EXPORT_SYMBOL_GPL(contig_preparation_find);
EXPORT_SYMBOL_GPL(contig_preparation_remove);

EXPORT_SYMBOL_GPL(contig_avoid_add);
EXPORT_SYMBOL_GPL(contig_scan_begin);
EXPORT_SYMBOL_GPL(contig_scan_close);
EXPORT_SYMBOL_GPL(contig_scan_done);
EXPORT_SYMBOL_GPL(contig_scan_enough);
EXPORT_SYMBOL_GPL(contig_scan_free);
EXPORT_SYMBOL_GPL(contig_scan_init);
EXPORT_SYMBOL_GPL(contig_scan_slide);
EXPORT_SYMBOL_GPL(contig_scan_stop_at);

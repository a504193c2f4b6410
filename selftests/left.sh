# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What a program may leave behind: entries in lists, mappings, pins and pages.
# selftests/run sources this. It has new_messages, and sets $work, a folder, and
# $own, the pages that contig had just after it was loaded; $orphans and
# $lost_before are the pages of unloaded modules and the failed pages so far.
# shellcheck disable=SC2154 # see above

DEBUGFS=/sys/kernel/debug/contig
# For each stack, how many of the pages that it allocated are in use: on a
# kernel with CONFIG_PAGE_OWNER that was booted with page_owner=on.
OWNERS=/sys/kernel/debug/page_owner_stacks/show_stacks
# Pages that the kernel itself may take while a program runs. KASAN delays the
# reuse of freed memory, to detect accesses to it, for up to a 32nd of memory.
NOISE=2048
[ ! -e /sys/kernel/debug/kmemleak ] ||
	NOISE=$((10240 + $(awk '/^MemTotal:/ { print int($2 / 4 / 32) }' \
		/proc/meminfo)))
# How many times to poll for work in the background, at intervals of 0.1 s.
TRIES=600

# Print the number of pages on the free lists and in the lists of each CPU. The
# counter nr_free_pages drifts by pageblocks before 6.10.
free_pages()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^ *count:/ { n += $2 }
		/, zone / { for (i = NF; i >= 5; i--) size = size * 2 + $i
			n += size; size = 0 }
		END { printf "%d\n", n }' /proc/zoneinfo /proc/buddyinfo
}

# Fail if a program left an entry in one of the module's lists.
nothing_left()
{
	for list in buffers clients kernel; do
		[ -e $DEBUGFS/$list ] || continue
		if [ "$(wc -l <$DEBUGFS/$list)" -gt 1 ]; then
			echo "left in $list:"
			cat $DEBUGFS/$list
			return 1
		fi
	done
}

# Fail if a kernel with DMA_API_DEBUG lists a mapping or an allocation of
# contig, which has been unloaded.
no_dma_left()
{
	dump=/sys/kernel/debug/dma-api/dump
	[ -r $dump ] || return 0
	if grep -w contig $dump; then
		echo "left mapped for a device"
		return 1
	fi
}

memory_is_back()
{
	tries=0
	until now=$(free_pages); [ "$now" -ge $(($1 - NOISE)) ]; do
		tries=$((tries + 1))
		if [ $tries -ge $TRIES ]; then
			echo "$now pages are free, not $1"
			return 1
		fi
		sleep 0.1
	done
}

# Print the number of pins of all processes, which the kernel counts exactly. A
# pin that is left shows here, but not in the sum of free memory.
pinned_pages()
{
	cat /proc/sys/vm/stat_refresh >/dev/null 2>&1
	awk '$1 == "nr_foll_pin_acquired" { n += $2 }
		$1 == "nr_foll_pin_released" { n -= $2 }
		END { print n + 0 }' /proc/vmstat
}

# Print the number of pins once it does not change any more.
settled_pins()
{
	tries=0
	pins=$(pinned_pages)
	until sleep 0.1; now=$(pinned_pages); [ "$now" -eq "$pins" ]; do
		pins=$now
		tries=$((tries + 1))
		[ $tries -lt $TRIES ] || break
	done
	echo "$pins"
}

pins_are_back()
{
	tries=0
	until now=$(pinned_pages); [ "$now" -eq "$1" ]; do
		tries=$((tries + 1))
		if [ $tries -ge $TRIES ]; then
			echo "$now pages are pinned, not $1"
			return 1
		fi
		sleep 0.1
	done
}

# allocated_pages EXPRESSION FILE: print how many pages were allocated from
# stacks with a matching line, and write these stacks to FILE. Pages that belong
# to other owners do not count: slabs that the kernel keeps, its page tables and
# shadow memory, and pages that a process faulted in on behalf of contig.
allocated_pages()
{
	[ -r $OWNERS ] || {
		echo 0
		return
	}
	# A stack is a record, and its last field the number: lines would take four
	# times as long.
	awk -v wanted="$1" -v stacks="$2" '
		BEGIN { RS = "" }
		$0 ~ wanted &&
		!/slab|handle_mm_fault|filemap_|shmem_|pcpu_|stack_depot|kasan_/ &&
		!/(pte|pmd|pud|p4d)_alloc/ {
			n += $NF
			print $0 "\n" >stacks
		}
		END { print n + 0 }' $OWNERS
}

# Print the number of pages that unloaded modules such as contig allocated: the
# kernel has no names for their code any more.
orphaned_pages()
{
	allocated_pages '(^|\n) *0x' "$1"
}

# Print the number of pages that contig allocated, while it is loaded.
module_pages()
{
	allocated_pages '\\[contig\\]' "$1"
}

# Fail if contig has more pages than just after it was loaded.
no_strays()
{
	tries=0
	: >"$work/stacks"
	kept=$(lost_with_failed 0)
	until now=$(module_pages "$work/stacks")
		[ "$now" -le $((own + kept)) ]; do
		tries=$((tries + 1))
		if [ $tries -ge 20 ]; then
			echo "$now pages are left of contig, not $own"
			cat "$work/stacks"
			return 1
		fi
		sleep 1
	done
}

# Fail if unloaded modules have more pages than before. RCU and workers free
# pages a little later.
no_orphans()
{
	tries=0
	: >"$work/stacks"
	# Pages that failed meanwhile are lost, and still name their last owner.
	lost_huge=$((${lost_huge:-0} + $(lost_with_failed 1)))
	lost=$(($(lost_pages) + lost_huge))
	until now=$(orphaned_pages "$work/stacks")
		[ "$now" -le $((orphans + lost - lost_before)) ]; do
		tries=$((tries + 1))
		if [ $tries -ge 20 ]; then
			echo "$now pages are left of a module, not $orphans"
			cat "$work/stacks"
			orphans=$now
			lost_before=$lost
			return 1
		fi
		sleep 1
	done
	# Do not count these again after the next program.
	orphans=$now
	lost_before=$lost
}

page_kib()
{
	awk '/^KernelPageSize:/ { print $2; exit }' /proc/self/smaps
}

# lost_with_failed N: print how many pages contig kept since the program began because
# they are in huge pages with a failed one, without N of each: the log says so.
lost_with_failed()
{
	new_messages |
		sed -n 's/.* a huge page with a failed page is out of use: \([0-9]*\) KiB$/\1/p' |
		awk -v kib="$(page_kib)" -v without="$1" '
			{ n += $1 / kib - without }
			END { print n + 0 }'
}

lost_pages()
{
	awk -v kib="$(page_kib)" '/^HardwareCorrupted:/ { n = $2 / kib }
		END { print n + 0 }' /proc/meminfo
}

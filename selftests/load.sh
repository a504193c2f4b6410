#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Loading and unloading: many times, with valid and invalid parameters; the
# module stays while its memory or a client is in use. Loads the module itself.

dir=$(dirname "$0")
for helpers in "$dir/ktap_helpers.sh" "$dir/../kselftest/ktap_helpers.sh"; do
	[ ! -e "$helpers" ] || break
done
# shellcheck disable=SC1090 # found above
. "$helpers"

MODULE=contig
DEVICE=/dev/contig
DEBUGFS=/sys/kernel/debug/contig
PARAMETERS=/sys/module/contig/parameters
# Seconds that a machine may stall.
SLACK=3
CYCLES=100
# With kmemleak each takes ten times as long, since it scans memory.
[ ! -e /sys/kernel/debug/kmemleak ] || CYCLES=20
# Pages that the machine itself may take and KASAN may keep: see "run".
NOISE=1024
[ ! -e /sys/kernel/debug/kmemleak ] ||
	NOISE=$((NOISE + $(awk '/^MemTotal:/ { print int($2 / 4 / 32) }' \
		/proc/meminfo)))

work=$(mktemp -d)
holder_pid=
trap 'rm -rf "$work"; unload' EXIT

is_loaded()
{
	[ -d /sys/module/$MODULE ]
}

load()
{
	modprobe $MODULE "$@" 2>"$work/modprobe"
}

# A worker that empties memory has a reference until its step ends.
unload()
{
	is_loaded || return 0
	tries=0
	until rmmod $MODULE 2>"$work/rmmod"; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || {
			tell_workers
			return 1
		}
		sleep 0.1
	done
}

# Print why the module cannot be unloaded.
tell_workers()
{
	sed 's/^/# /' "$work/rmmod" $DEBUGFS/workers
	grep -l contig /proc/[0-9]*/stack | while read -r stack; do
		sed "s|^|# $(cat "${stack%stack}comm") |" "$stack"
	done
}

# Print the number of free pages, per-CPU lists included, as "run" does.
free_pages()
{
	awk '/^ *count:/ { n += $2 }
		/, zone / { for (i = NF; i >= 5; i--) size = size * 2 + $i
			n += size; size = 0 }
		END { printf "%d\n", n }' /proc/zoneinfo /proc/buddyinfo
}

# Wait until as many pages are free as before, or print how many are free.
free_again()
{
	tries=0
	until now=$(free_pages); [ "$now" -ge $(($1 - NOISE)) ]; do
		tries=$((tries + 1))
		if [ $tries -gt 600 ]; then
			ktap_print_msg "$now pages are free, not $1"
			return 1
		fi
		sleep 0.1
	done
}

# Start a process that takes an object of contig's, and wait until it has it.
hold()
{
	mkfifo "$work/in" "$work/out"
	"$dir/holder" "$@" <"$work/in" >"$work/out" 2>"$work/err" &
	holder_pid=$!
	exec 3>"$work/in"
	read -r answer <"$work/out"
	[ "$answer" = ready ] || {
		ktap_print_msg "holder: $(cat "$work/err")"
		release
		return 1
	}
}

release()
{
	exec 3>&-
	wait $holder_pid
	rm -f "$work/in" "$work/out"
}

kill_holder()
{
	kill -9 $holder_pid
	wait $holder_pid 2>/dev/null
	exec 3>&-
	rm -f "$work/in" "$work/out"
}

loads_and_unloads()
{
	load && [ -c $DEVICE ] && [ -d $DEBUGFS ] || return 1
	unload || return 1
	! is_loaded && [ ! -e $DEVICE ] && [ ! -e $DEBUGFS ]
}

many_times()
{
	before=$(free_pages)
	n=0
	while [ $n -lt $CYCLES ]; do
		case $((n % 4)) in
		0) load ;;
		1) load early=4M ;;
		2) load early=1M*4,64K*8 ;;
		3) load quota_mib=64 ;;
		esac || return 1
		# Use it in one of ten cycles.
		if [ $((n % 10)) -eq 9 ]; then
			"$dir/holder" buffer </dev/null >/dev/null || return 1
		fi
		unload || return 1
		n=$((n + 1))
	done
	free_again "$before"
}

# Any object in use keeps the module loaded.
refused_with()
{
	load early=4M || return 1
	hold "$@" || return 1
	if rmmod $MODULE 2>"$work/rmmod"; then
		ktap_print_msg "unloaded with a $1 in use"
		release
		return 1
	fi
	[ -c $DEVICE ] || return 1
	release
	unload
}

works_after_kill()
{
	load early=4M || return 1
	hold lock || return 1
	kill_holder
	unload
}

# Pages in a pipe no longer belong to contig: unloading must neither wait for
# them nor free them for another owner.
works_with_pages_in_a_pipe()
{
	before=$(free_pages)
	load early=4M || return 1
	hold pipe "$1" || return 1
	unload || { release; return 1; }
	release
	free_again "$before"
}

# Unloading has to wait for the scrubber.
works_while_scrubbing()
{
	before=$(free_pages)
	load early=64M || return 1
	hold buffer 2 && release
	unload || return 1
	free_again "$before"
}

refuses_parameter()
{
	before=$(free_pages)
	if load "$1"; then
		ktap_print_msg "loaded with $1"
		unload
		return 1
	fi
	! is_loaded && [ ! -e $DEVICE ] && free_again "$before"
}

refuses_bad_parameters()
{
	for value in early=x early=4M* early=4M*0 early=*4 early=0 \
			early=4M,x early=4M*2x early=1M*1000000 early=-4M \
			early=4M@32 early=4M@11bit early=4M/node=x \
			early=4M/align=3M early=4M/x quota_mib=x \
			allow_physical=x; do
		refuses_parameter "$value" || return 1
	done
}

# The log has one sentence, with the value and what is wrong with it.
says_what_is_wrong()
{
	echo "contig-load-$$" >/dev/kmsg
	if load "early=4M@32bit,4M/align=3M"; then
		unload
		return 1
	fi
	# Some versions of modprobe try twice.
	lines=$(dmesg | sed -n "1,/contig-load-$$/d;s/.*contig: /contig: /p" |
		grep -v taint | sort -u)
	want="contig: the parameter early=4M@32bit,4M/align=3M is wrong: "
	want="${want}an alignment is a power of two, as in /align=16M"
	case $lines in
	*"$want") [ "$(echo "$lines" | wc -l)" -eq 1 ] && return ;;
	esac
	ktap_print_msg "the log says: $lines"
	return 1
}

# Blocks larger than memory, or on a node that does not exist, are missing.
loads_without_what_cannot_be_had()
{
	# A 32-bit kernel refuses more than 1 TiB as a mistake.
	gib=100000
	case $(uname -m) in
	arm* | i?86) gib=1000 ;;
	esac
	# And one without NUMA has no node of that number.
	nowhere=1M/node=15
	[ -d /sys/devices/system/node ] || nowhere=1M@18bit
	load "early=${gib}G,4M,$nowhere,1M@19bit,2M@0x10000000" || return 1
	total=$(reserve_figure total)
	missing=$(reserve_figure missing)
	lines=$(grep -c missing $DEBUGFS/reserves)
	unload
	[ "$total" = 4194304 ] && [ "$lines" -eq 5 ] &&
		dmesg | tail -n 20 | grep -q \
			'memory at 0x10000000 is not taken: ' &&
		[ "$missing" -gt $((gib * 1024 * 1048576)) ] && return
	ktap_print_msg "reserved $total, missing $missing, in $lines lines"
	return 1
}

# The address of each block is a multiple of align=.
aligns_what_was_asked()
{
	load early=4M/align=32M,64K/align=8M || return 1
	seen=$(awk '/reserved/ { print $1 }' $DEBUGFS/reserves)
	total=$(reserve_figure total)
	unload
	[ "$total" = $((4194304 + 65536)) ] || return 1
	# shellcheck disable=SC2086 # each word is an address
	set -- $seen
	[ $(($1 % (32 * 1048576))) -eq 0 ] && [ $(($2 % (8 * 1048576))) -eq 0 ]
}

# Print the bytes in a line of debugfs reserves.
reserve_figure()
{
	awk -v key="$1" 'index($0, key " ") == 1 { print $NF }' \
		$DEBUGFS/reserves
}

reserves_what_was_asked()
{
	load early=8M*2,1M*3,64K || return 1
	total=$(reserve_figure total)
	missing=$(reserve_figure missing)
	want=$(((16 + 3) * 1048576 + 65536))
	unload
	if [ "$total" != $want ] || [ "$missing" != 0 ]; then
		ktap_print_msg "reserved $total, missing $missing, of $want"
		return 1
	fi
}

loads_with_part_of_the_reserve()
{
	before=$(free_pages)
	# More than all memory without CMA, in blocks so small that some are
	# available wherever the kernel has its own pages.
	kib=$(awk '/^MemTotal:/ { n += $2 } /^CmaTotal:/ { n -= $2 }
		END { print int(n / 16 / 1024) * 1024 }' /proc/meminfo)
	load "early=${kib}K*20" || return 1
	total=$(reserve_figure total)
	missing=$(reserve_figure missing)
	lines=$(grep -c missing $DEBUGFS/reserves)
	unload
	[ $((total + missing)) -eq $((kib * 20480)) ] &&
		[ "$total" -gt 0 ] && [ "$missing" -gt 0 ] &&
		[ "$lines" -gt 2 ] && free_again "$before"
}

# Print how many seconds a command takes.
seconds()
{
	begun=$(cut -d. -f1 /proc/uptime)
	"$@"
	echo $(($(cut -d. -f1 /proc/uptime) - begun))
}

# One worker waits, but the other blocks of the list do not wait for it.
loads_beside_a_worker_that_waits()
{
	taskset -p 1 $$ >/dev/null
	hold spin || return 1
	took=$(seconds load early=1M*12)
	missing=$(reserve_figure missing)
	release
	unload
	# Nothing is missing if the processor had nothing to drain.
	[ "$missing" -le $((12 * 1048576)) ] && [ "$took" -le $((SLACK + 4)) ] &&
		return
	ktap_print_msg "took $took s, and $missing bytes are missing"
	return 1
}

# The module stays, since its worker cannot be stopped, but modprobe ends.
killed_beside_a_worker_that_waits()
{
	taskset -p 1 $$ >/dev/null
	begun=0
	until hold spin || return 1; kill_in_contig; do
		unload || return 1
		begun=$((begun + 1))
		[ $begun -lt 3 ] || return 1
	done
	unload || return 1
	[ "$took" -le $((SLACK + 2)) ] && return
	ktap_print_msg "took $took s to end, in: $waits"
	return 1
}

# Kill modprobe while contig makes it wait, and put into $took how many seconds
# that takes. Fail if modprobe waits for the kernel's own part of loading, which
# cannot be killed and can need the same processor.
kill_in_contig()
{
	modprobe $MODULE early=1M*12 2>/dev/null &
	loader=$!
	tries=0
	until grep -qs '\[contig\]' "/proc/$loader/stack" || gone "$loader" ||
			[ $tries -ge 50 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	kill -9 "$loader" 2>/dev/null
	took=$(seconds wait_gone "$loader")
	waits=$(gone "$loader" || tr '\n' ' ' <"/proc/$loader/stack")
	release
	wait "$loader" 2>/dev/null
	[ $tries -lt 50 ] && return
	ktap_print_msg "modprobe did not get as far as contig: $waits"
	return 1
}

# Return success if a process has ended.
gone()
{
	! grep -qs '^State:.[^ZX]' "/proc/$1/status"
}

# Wait for a process to end, for at most 20 s.
wait_gone()
{
	n=0
	until gone "$1" || [ $n -ge 200 ]; do
		n=$((n + 1))
		sleep 0.1
	done
}

shows_parameters()
{
	load early=4M quota_mib=77 allow_physical=1 timeout_ms=5000 || return 1
	ok=1
	[ "$(cat $PARAMETERS/early)" = 4M ] &&
		[ "$(cat $PARAMETERS/quota_mib)" = 77 ] &&
		[ "$(cat $PARAMETERS/allow_physical)" = Y ] &&
		[ "$(cat $PARAMETERS/timeout_ms)" = 5000 ] || ok=
	# A parameter that is used at load cannot change later.
	if (echo 8M >$PARAMETERS/early) 2>/dev/null; then
		[ "$(cat $PARAMETERS/early)" = 4M ] || ok=
	fi
	unload
	[ "$ok" ]
}

# 0 stands for the shares of memory that the programs bare and limits check.
quotas_are_shares()
{
	load || return 1
	quota=$(cat $PARAMETERS/quota_mib)
	total=$(cat $PARAMETERS/total_mib)
	ordinary=$(cat $PARAMETERS/ordinary_mib)
	unload
	[ "$quota $total $ordinary" = "0 0 0" ]
}

# skip TEST REASON: skip a test. ktap_test_skip has no room for a reason.
skip()
{
	__ktap_test ok "$1" "SKIP $2"
	KTAP_CNT_SKIP=$((KTAP_CNT_SKIP + 1))
}

ktap_print_header
if [ "$(id -u)" -ne 0 ] || ! modprobe -D $MODULE >/dev/null 2>&1; then
	ktap_skip_all "needs root and a module that modprobe finds"
	exit "$KSFT_SKIP"
fi
unload || {
	ktap_skip_all "the module is in use"
	exit "$KSFT_SKIP"
}

ktap_set_plan 20
ktap_test_result loads_and_unloads loads_and_unloads
ktap_test_result many_times many_times
ktap_test_result refused_with_a_client refused_with client
ktap_test_result refused_with_a_buffer refused_with buffer
ktap_test_result refused_with_a_mapping refused_with mapping
ktap_test_result refused_with_a_lock refused_with lock
ktap_test_result works_after_kill works_after_kill
ktap_test_result works_with_reserved_pages_in_a_pipe \
	works_with_pages_in_a_pipe 2
ktap_test_result works_with_single_pages_in_a_pipe \
	works_with_pages_in_a_pipe 32
ktap_test_result works_while_scrubbing works_while_scrubbing
ktap_test_result refuses_bad_parameters refuses_bad_parameters
ktap_test_result says_what_is_wrong says_what_is_wrong
ktap_test_result loads_without_what_cannot_be_had \
	loads_without_what_cannot_be_had
ktap_test_result aligns_what_was_asked aligns_what_was_asked
ktap_test_result reserves_what_was_asked reserves_what_was_asked
ktap_test_result loads_with_part_of_the_reserve loads_with_part_of_the_reserve
ktap_test_result loads_beside_a_worker_that_waits \
	loads_beside_a_worker_that_waits
# On a real-time kernel its own part of loading waits for the processor as well.
if [ "$(cat /sys/kernel/realtime 2>/dev/null)" = 1 ]; then
	skip killed_beside_a_worker_that_waits \
		"loading waits for the processor on a real-time kernel"
else
	ktap_test_result killed_beside_a_worker_that_waits \
		killed_beside_a_worker_that_waits
fi
ktap_test_result shows_parameters shows_parameters
ktap_test_result quotas_are_shares quotas_are_shares
ktap_finished

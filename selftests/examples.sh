#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The library's tools print what their documentation shows.

dir=$(dirname "$0")
for helpers in "$dir/ktap_helpers.sh" "$dir/../kselftest/ktap_helpers.sh"; do
	[ ! -e "$helpers" ] || break
done
# shellcheck disable=SC1090 # found above
. "$helpers"

out=$(mktemp)
trap 'rm -f "$out"' EXIT

# Run a program, and fail unless a line of its output matches.
shows()
{
	line=$1
	shift
	"$@" >"$out" 2>&1 || {
		ktap_print_msg "$1 ended with $?"
		sed 's/^/# /' "$out"
		return 1
	}
	grep -qE "$line" "$out" || {
		sed 's/^/# /' "$out"
		return 1
	}
}

# The address at which the machine's memory begins, which is not always 0.
ram_start=$(($(sed -n '/System RAM/{s/^ *\([0-9a-f]*\)-.*/0x\1/p;q;}' \
	/proc/iomem)))

# One page of the kernel keeps a pageblock from being emptied, so low memory may
# have no window where pageblocks have more than 2 MiB.
below=$((ram_start + (256 << 20)))
[ "$(awk '/^Pages per block:/ { print $4 }' /proc/pagetypeinfo)" -le 512 ] ||
	below=$((ram_start + (1 << 30)))

# Run a program that must fail.
refuses()
{
	! "$@" >"$out" 2>&1
}

versions_agree()
{
	version=$(cat /sys/module/contig/version)
	for tool in contiguous edu getphysical; do
		shows "^$tool \\(contig\\) $version\$" $tool --version ||
			return 1
	done
}

ktap_print_header
if [ ! -c /dev/contig ] || ! command -v getphysical >/dev/null ||
		! command -v contiguous >/dev/null; then
	ktap_skip_all "needs the module, and the tools of libcontig in PATH"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 8
ktap_test_result listing_3_1 shows '0x[0-9a-f]+' getphysical
ktap_test_result contiguous_by_default shows '0x[0-9a-f]+' contiguous
ktap_test_result contiguous_from_the_reserve \
	shows reserve contiguous --rungs reserve 1M
ktap_test_result contiguous_by_moving shows range contiguous --rungs range 8M
ktap_test_result contiguous_below_an_address \
	shows range contiguous --rungs range --below "$below" 64K
ktap_test_result contiguous_only_probed shows . contiguous --probe 1M
ktap_test_result contiguous_says_why_not refuses contiguous --rungs reserve 1G
# In a kernel tree the module has no version of its own.
if [ -e /sys/module/contig/version ]; then
	ktap_test_result versions_agree versions_agree
else
	ktap_test_skip "versions_agree: the module has no version"
fi
ktap_finished

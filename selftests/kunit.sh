#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The unit tests of contig_kunit.ko, which run when that is loaded: debugfs must
# report that all of them passed. Loads the modules itself.

RESULTS=/sys/kernel/debug/kunit
SUITES='contig_areas contig_constraints contig_early contig_extents
contig_search contig_slide'

skip()
{
	echo "1..0 # SKIP $*"
	exit 4
}

echo "TAP version 13"
[ -d $RESULTS ] || mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
[ -d $RESULTS ] || skip "this kernel has no KUnit"
work=$(mktemp -d)
trap 'rmmod contig_kunit contig 2>/dev/null; rm -rf "$work"' EXIT
modprobe -D contig_kunit >/dev/null 2>&1 ||
	skip "there is no module contig_kunit"
modprobe contig_kunit 2>"$work/why" || {
	sed 's/^/# /' "$work/why"
	echo "1..1"
	echo "not ok 1 contig_kunit can be loaded"
	exit 1
}
set -- $RESULTS/contig_*/results
[ -e "$1" ] || skip "KUnit is off: boot with kunit.enable=1"

for suite in $SUITES; do
	results=$RESULTS/$suite/results
	# Print the failures with their reasons, and nothing about the others.
	if ! grep -q "^ok 1 $suite\$" "$results"; then
		sed 's/^/# /' "$results" >>"$work/lines"
		grep -q '^    not ok ' "$results" ||
			echo "not ok $suite: has no good result" \
				>>"$work/lines"
	fi
	sed -n "s/^    \(\(not \)\{0,1\}ok\) [0-9]* /\1 $suite: /p" \
		"$results" >>"$work/lines"
done
echo "1..$(grep -cE '^(not )?ok ' "$work/lines")"
awk '/^ok / { sub(/^ok/, "ok " ++n) }
	/^not ok / { sub(/^not ok/, "not ok " ++n) }
	{ print }' "$work/lines"
! grep -q '^not ok ' "$work/lines"

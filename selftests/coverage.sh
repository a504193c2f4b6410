#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Run a command, and write how often each line ran, of the module and of programs
# that store their counts below GCOV_PREFIX, as an archive to stdout:
#
#	coverage.sh COMMAND [ARGUMENT]... >ARCHIVE
#
# The command's own output goes to stderr. Needs a kernel with CONFIG_GCOV_KERNEL
# and a module built with it.

case ${1-} in
'' | -h | --help)
	sed -n '4,10s/^# \{0,1\}//p' "$0"
	exit $(($# == 0))
	;;
esac

"$@" >&2
status=$?

# The kernel keeps the counts of an unloaded module; those of a loaded module
# count as well. Files of debugfs have no size before they are read.
work=$(mktemp -d)
cd /sys/kernel/debug/gcov || exit 1
find . -path '*/kmod/*' -name '*.gcda' | while IFS= read -r file; do
	mkdir -p "$work/kernel/${file%/*}" &&
		cat "$file" >"$work/kernel/$file" || exit 1
done || status=1
[ -d "$work/kernel" ] || {
	echo "coverage.sh: the module counted no lines" >&2
	status=1
}
[ ! -d "${GCOV_PREFIX-}" ] || cp -a "$GCOV_PREFIX" "$work/programs" || status=1
tar -C "$work" -cf - . || status=1
rm -rf "$work"
exit $status

# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154
# Helpers shared by the scripts in this folder. Source it after setting "me"
# to the name that messages should carry, and "die_status" if not 1.

# The scripts' own folder decides where everything is, so that they work from
# any current folder and in a moved or cloned checkout.
# shellcheck disable=SC2034 # the paths are for the scripts that source this
{
TOP=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
SCRIPTS=$TOP/scripts
BUILD=$TOP/build
}

# A user's PATH lacks depmod and modprobe on Debian.
PATH=$PATH:/usr/sbin:/sbin

# Progress and complaints go to stderr: stdout belongs to the results.
log() {
	printf '%s: %s\n' "$me" "$*" >&2
}

# One sentence that says what is wrong and what to do about it.
die() {
	log "$*"
	exit "${die_status:-1}"
}

need() {
	for need_cmd; do
		command -v "$need_cmd" >/dev/null ||
			die "$need_cmd is missing: run scripts/setup"
	done
}

# kernel_field NAME FIELD: what scripts/kernel-list says of a kernel.
kernel_field() {
	awk -v name="$1" -v field="$2" '
		!/^#/ && $1 == name { print $field; found = 1 }
		END { exit !found }' "$SCRIPTS/kernel-list" ||
		die "no kernel is called '$1': scripts/kernel-list has" \
			"$(kernel_names | paste -sd ' ')"
}

kernel_names() {
	awk '!/^#/ && NF { print $1 }' "$SCRIPTS/kernel-list"
}

# shared_libraries FILE...: the paths of the libraries that dynamic programs
# need, their interpreter included. LD_LIBRARY_PATH says where to look first.
shared_libraries() {
	# It fails for a static program, which needs none.
	{ ldd "$@" 2>/dev/null || :; } | awk '
		/=> not found/ { print "missing:" $1; next }
		$2 == "=>" && $3 ~ /^\// { print $3; next }
		$1 ~ /^\// && /\(0x/ { print $1 }' | sort -u
}

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

# For scripts whose arguments are names of kernels: an answer at once to those
# that are none, before hours of work.
check_kernels() {
	for check_name; do
		case $check_name in
		-*) die "there is no option $check_name:" \
			"see scripts/$me --help" ;;
		esac
		kernel_field "$check_name" 1 >/dev/null
	done
}

kernel_names() {
	awk '!/^#/ && NF { print $1 }' "$SCRIPTS/kernel-list"
}

# This machine's architecture, in Debian's words.
host_arch() {
	dpkg --print-architecture
}

# cross_prefix ARCH: what the names of its compiler and binutils begin with;
# nothing for this machine's own.
cross_prefix() {
	[ "$1" != "$(host_arch)" ] || return 0
	case $1 in
	amd64) echo x86_64-linux-gnu- ;;
	arm64) echo aarch64-linux-gnu- ;;
	*) die "nobody has built for $1 yet: teach scripts/lib.sh" ;;
	esac
}

# build_suffix KERNEL: what the names of folders with programs for it end in.
# Those for the debug kernel count which of their lines run.
build_suffix() {
	if [ "$1" = debug ]; then
		echo -coverage
		return
	fi
	build_arch=$(kernel_field "$1" 2)
	[ "$build_arch" = "$(host_arch)" ] || echo "-$build_arch"
}

# benchmarks KERNEL: where "make benchmarks" puts the programs for it.
benchmarks() {
	echo "$BUILD/selftests$(build_suffix "$1")/bench"
}

# sysroot ARCH: the folder whose bin and lib are those of ARCH; nothing for /.
sysroot() {
	[ "$1" = "$(host_arch)" ] || echo "$BUILD/sysroot/$1"
}

# shared_libraries ARCH FILE...: the paths, below its sysroot, of the libraries
# that dynamic programs need, their interpreter included. LD_LIBRARY_PATH says
# where to look first; what is there, below a folder, is not told.
shared_libraries() {
	libraries_of=$1
	shift
	if [ "$libraries_of" != "$(host_arch)" ]; then
		foreign_libraries "$libraries_of" "$@"
		return
	fi
	# It fails for a static program, which needs none.
	{ ldd "$@" 2>/dev/null || :; } | awk -v own="${LD_LIBRARY_PATH-}/" '
		/=> not found/ { print "missing:" $1; next }
		own != "/" && index($0, own) { next }
		$2 == "=>" && $3 ~ /^\// { print $3; next }
		$1 ~ /^\// && /\(0x/ { print $1 }' | sort -u
}

# The names of the libraries and interpreters that programs ask for.
needed_names() {
	LC_ALL=C readelf -W -d -l "$@" 2>/dev/null | sed -n '
		s/.*(NEEDED).*\[\(.*\)\]$/\1/p
		s/.*program interpreter: \(.*\)\]$/\1/p' | sort -u
}

# The same for programs that this machine cannot run: libraries, then what they
# need in turn.
foreign_libraries() (
	triplet=$(cross_prefix "$1")
	cd "$(sysroot "$1")" || exit
	shift
	seen=' '
	while [ $# -gt 0 ]; do
		names=$(needed_names "$@")
		set --
		for name in $names; do
			case $seen in
			*" $name "*) continue ;;
			esac
			seen="$seen$name "
			[ -z "${LD_LIBRARY_PATH-}" ] ||
				[ ! -e "$LD_LIBRARY_PATH/$name" ] || continue
			for path in "lib/${triplet%-}/$name" \
					"usr/lib/${triplet%-}/$name" \
					"${name#/}" missing; do
				[ ! -e "$path" ] || break
			done
			if [ "$path" = missing ]; then
				echo "missing:$name"
			else
				echo "/$path"
				set -- "$@" "$path"
			fi
		done
	done
)

# unpack_source PACKAGE VERSION FOLDER: kernel source to build in, less its manual
# and its tests, unless that version is there.
unpack_source() {
	[ "$(cat "$3/.version" 2>/dev/null)" != "$2" ] || return 0
	[ -e "/usr/src/$1.tar.xz" ] ||
		die "/usr/src/$1.tar.xz is missing: run scripts/setup"
	log "unpacking $1 $2"
	rm -rf "$3"
	mkdir -p "$3"
	tar -C "$3" --strip-components=1 -xf "/usr/src/$1.tar.xz" --wildcards \
		--exclude='*/Documentation/*/*' --exclude='*/tools/testing'
	echo "$2" >"$3/.version"
}

# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154
# Helpers shared by the scripts in this folder. Source it after setting "me"
# to the name that messages should carry, and "die_status" if not 1.

# All paths follow from the folder of the script, so that scripts work from any
# current folder and in a moved or cloned checkout.
# shellcheck disable=SC2034 # the paths are for the scripts that source this
{
TOP=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
SCRIPTS=$TOP/scripts
BUILD=$TOP/build
}

# On Debian the PATH of a user lacks depmod and modprobe.
PATH=$PATH:/usr/sbin:/sbin

# log TEXT...: write progress and errors to stderr; stdout is for results.
log() {
	printf '%s: %s\n' "$me" "$*" >&2
}

# die TEXT...: end the script. TEXT is one sentence that says what is wrong and
# what to do about it.
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

# A script's usage() prints the text of its --help, for these functions.

# answer_help [ARGUMENT]...: print that text and exit if the first argument is
# the option for it.
answer_help() {
	case ${1-} in
	-h | --help)
		usage
		exit
		;;
	esac
}

# fail_usage TEXT...: say what is wrong with the arguments, and exit with 2 or
# with the script's own status for it.
fail_usage() {
	die_status=${die_status:-2}
	die "$*: see scripts/$me --help"
}

# take_arguments MIN MAX [ARGUMENT]...: answer --help; refuse any other option,
# and fewer or more arguments than MIN or MAX.
take_arguments() {
	arguments_min=$1
	arguments_max=$2
	shift 2
	answer_help "$@"
	case ${1-} in
	-*) fail_usage "there is no option $1" ;;
	esac
	if [ $# -lt "$arguments_min" ] || [ $# -gt "$arguments_max" ]; then
		usage >&2
		exit 2
	fi
}

# Scripts that test end with the line "N passed, N failed, N skipped" about what
# these functions counted.
passed=0
failed=0
skipped=0

# count PASSED FAILED SKIPPED: add so many results.
count() {
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + $3))
}

# tap_result RESULT TEXT: print a numbered line of TAP and count it. RESULT is
# "ok" or "not ok"; a TEXT with "# SKIP" counts as skipped.
tap_result() {
	echo "$1 $((passed + failed + skipped + 1)) $2"
	case "$1 $2" in
	'ok '*'# SKIP'*) count 0 0 1 ;;
	'ok '*) count 1 0 0 ;;
	*) count 0 1 0 ;;
	esac
}

# Print the totals; fail if a test failed.
print_totals() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
}

# run_test TEXT COMMAND...: run a test in a shell of its own and print its
# result. What it says, and what it left in $tmp/err, is printed only if it
# fails.
run_test() {
	test_text=$1
	shift
	# Not as the condition of an "if", where set -e has no effect.
	set +e
	(
		set -e
		"$@"
	) >"$tmp/why" 2>&1
	test_status=$?
	set -e
	if [ $test_status -eq 0 ]; then
		tap_result ok "$test_text"
	else
		sed 's/^/# /' "$tmp/why" "$tmp/err" 2>/dev/null || :
		tap_result "not ok" "$test_text"
	fi
}

# totals_of LOG: print the three numbers of the totals in which a log ends, ours
# or those of TAP; print nothing if it has none.
totals_of() {
	sed -nE \
		-e 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' \
		-e 's/^# Totals: pass:([0-9]+) fail:([0-9]+) skip:([0-9]+)$/\1 \2 \3/p' \
		"$1" | tail -n 1
}

# kernel_field NAME FIELD: print a field of a kernel's line in
# scripts/kernel-list.
kernel_field() {
	awk -v name="$1" -v field="$2" '
		!/^#/ && $1 == name { print $field; found = 1 }
		END { exit !found }' "$SCRIPTS/kernel-list" ||
		die "no kernel is called '$1': scripts/kernel-list has" \
			"$(kernel_names | paste -sd ' ')"
}

# check_kernels [NAME]...: refuse arguments that are not names of kernels,
# before the script begins hours of work.
check_kernels() {
	for check_name; do
		case $check_name in
		-*) fail_usage "there is no option $check_name" ;;
		esac
		(
			die_status=${die_status:-2}
			kernel_field "$check_name" 1 >/dev/null
		) || exit
	done
}

# is_debug KERNEL: return true if a kernel is built from source, with the checkers
# of scripts/debug.config.
is_debug() {
	case $(kernel_field "$1" 4) in
	linux-source*) ;;
	*) return 1 ;;
	esac
}

kernel_names() {
	awk '!/^#/ && NF { print $1 }' "$SCRIPTS/kernel-list"
}

# Print this machine's architecture by its name in Debian.
host_arch() {
	dpkg --print-architecture
}

# cross_prefix ARCH: print the prefix of the names of its compiler and binutils;
# nothing for this machine's own architecture.
cross_prefix() {
	[ "$1" != "$(host_arch)" ] || return 0
	case $1 in
	amd64) echo x86_64-linux-gnu- ;;
	arm64) echo aarch64-linux-gnu- ;;
	armhf) echo arm-linux-gnueabihf- ;;
	riscv64) echo riscv64-linux-gnu- ;;
	*) die "there is no cross compiler for $1: extend scripts/lib.sh" ;;
	esac
}

# build_suffix KERNEL: print the suffix of folders with programs for a kernel.
# Programs for the kernel "debug" count which of their lines run.
build_suffix() {
	if [ "$1" = debug ]; then
		echo -coverage
		return
	fi
	build_arch=$(kernel_field "$1" 2)
	[ "$build_arch" = "$(host_arch)" ] || echo "-$build_arch"
}

# benchmarks KERNEL: print the folder where "make benchmarks" puts its programs.
benchmarks() {
	echo "$BUILD/selftests$(build_suffix "$1")/bench"
}

# sysroot ARCH: print the folder whose bin and lib are those of ARCH; nothing
# for /.
sysroot() {
	[ "$1" = "$(host_arch)" ] || echo "$BUILD/sysroot/$1"
}

# shared_libraries ARCH FILE...: print the paths, below the sysroot, of the
# libraries that dynamic programs need, including their interpreter. Libraries
# that are found in LD_LIBRARY_PATH are not printed.
shared_libraries() {
	libraries_of=$1
	shift
	if [ "$libraries_of" != "$(host_arch)" ]; then
		foreign_libraries "$libraries_of" "$@"
		return
	fi
	# ldd fails for a static program, which needs no library.
	{ ldd "$@" 2>/dev/null || :; } | awk -v own="${LD_LIBRARY_PATH-}/" '
		/=> not found/ { print "missing:" $1; next }
		own != "/" && index($0, own) { next }
		$2 == "=>" && $3 ~ /^\// { print $3; next }
		$1 ~ /^\// && /\(0x/ { print $1 }' | sort -u
}

# needed_names FILE...: print the names of libraries and interpreters in ELF
# files.
needed_names() {
	LC_ALL=C readelf -W -d -l "$@" 2>/dev/null | sed -n '
		s/.*(NEEDED).*\[\(.*\)\]$/\1/p
		s/.*program interpreter: \(.*\)\]$/\1/p' | sort -u
}

# The same as shared_libraries for programs that this machine cannot run: look
# up their libraries, then the libraries that those need, and so on.
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

# find_source PACKAGE: set source_version and source_tarball for a package of
# kernel source, which is installed, or which scripts/kernels fetched because this
# system's suite has none.
find_source() {
	source_version=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$1" \
		2>/dev/null | sed -n 's/^installed //p') || :
	source_tarball=/usr/src/$1.tar.xz
	if [ -z "$source_version" ]; then
		source_version=$(cat "$BUILD/kernels/source/$1.version" \
			2>/dev/null) || :
		source_tarball=$BUILD/kernels/source/usr/src/$1.tar.xz
	fi
	if [ -z "$source_version" ] || [ ! -e "$source_tarball" ]; then
		die "there is no package $1: run scripts/setup, and" \
			"scripts/kernels source"
	fi
}

# unpack_source PACKAGE FOLDER: unpack what find_source() found, without manual and
# tests, unless that version is there already.
unpack_source() {
	[ "$(cat "$2/.version" 2>/dev/null)" != "$source_version" ] || return 0
	log "unpacking $1 $source_version"
	rm -rf "$2"
	mkdir -p "$2"
	tar -C "$2" --strip-components=1 -xf "$source_tarball" --wildcards \
		--exclude='*/Documentation/*/*' --exclude='*/tools/testing'
	echo "$source_version" >"$2/.version"
}

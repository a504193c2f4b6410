# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154
# Download Debian packages of any architecture without installing them and
# without changing the system. Source this after lib.sh; $tmp is a folder of the
# caller.

# read_system_sources: remember what the system's sources have of Debian, a line
# "LABEL|SUITE|MIRROR|FILE:NUMBER" for each.
# shellcheck disable=SC2016 # for apt to expand
read_system_sources() {
	system_sources=$(apt-get indextargets \
		--format '$(ORIGIN)|$(LABEL)|$(CODENAME)|$(REPO_URI)|$(SOURCESENTRY)' \
		2>/dev/null | sed -n 's/^Debian|//p' | sort -u)
}

# system_mirror LABEL: print the address of the first mirror of Debian's archive
# with that label.
system_mirror() {
	echo "$system_sources" | sed -n "s/^$1|[^|]*|\([^|]*\)|.*/\1/p" |
		grep -v '^cdrom:' | head -n 1
}

# Print the suites of Debian's archive in the system's own sources.
system_suites() {
	echo "$system_sources" | sed -n 's/^Debian|\([^|]*\)|.*/\1/p' |
		grep -v -e '-updates$' | sort -u
}

# Print the keyring that the system's sources name for Debian's archive; nothing
# if they leave that to apt. Sources come in two formats.
system_keyring() {
	echo "$system_sources" | sed -n 's/^Debian|.*|\(.*\):[0-9]*$/\1/p' |
		sort -u | while read -r keyring_file; do
			sed -n -e 's|^Signed-By: *\(/[^ ]*\).*|\1|p' \
				-e 's|^deb .*\[.*signed-by=\(/[^] ]*\).*|\1|p' \
				"$keyring_file"
		done | head -n 1
}

# suite_sources SUITE MIRROR SECURITY KEYRING: print apt's sources of a suite.
# Bookworm has 6.12 among its security updates alone. SECURITY, their mirror, and
# KEYRING may be empty.
suite_sources() {
	suite_signed=${4:+"[signed-by=$4] "}
	echo "deb $suite_signed$2 $1 main"
	[ "$1" != bookworm ] || [ -z "$3" ] ||
		echo "deb $suite_signed$3 $1-security main"
}

# apt_for ARCH [SUITE]: choose the packages for the functions below. Those of
# this machine's architecture and of the system's own suite, which "-" stands
# for, are what the system's apt knows. For all others apt gets its own lists and
# caches, with mirror and keys of the system, which need not know them; this
# machine's packages are called NAME:ARCH there if ARCH is another one.
apt_for() {
	apt_arch=$1
	apt_suite=${2:--}
	apt_conf=/dev/null
	apt_cache_file=$tmp/pkgcache-$apt_arch
	[ -n "${system_sources-}" ] || read_system_sources
	[ "$apt_suite" != "$(system_suites)" ] || apt_suite=-
	[ "$apt_arch.$apt_suite" != "$(host_arch).-" ] || return 0
	apt_state=$BUILD/kernels/.apt-$apt_arch
	[ "$apt_suite" = - ] || apt_state=$BUILD/kernels/.apt-$apt_suite-$apt_arch
	apt_conf=$apt_state/apt.conf
	apt_cache_file=$apt_state/cache/pkgcache
	mkdir -p "$apt_state/lists/partial" "$apt_state/cache/archives/partial"
	: >"$apt_state/status"
	cat >"$apt_conf" <<-END
		#clear APT::Architectures;
		#clear APT::Default-Release;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		Acquire::Languages "none";
		APT::Architecture "$apt_arch";
		APT::Architectures { "$apt_arch"; "$(host_arch)"; };
		APT::Get::List-Cleanup "false";
		Dir::State "$apt_state";
		Dir::State::lists "lists";
		Dir::State::status "$apt_state/status";
		Dir::Cache "$apt_state/cache";
	END
	[ "$apt_suite" = - ] || apt_for_suite || return
	# Update the lists when those of the system are newer, and those of a
	# suite, which gets new kernels every week, once a day.
	apt_days=9999
	[ "$apt_suite" = - ] || apt_days=0
	if [ ! -e "$apt_state/updated" ] || [ -n "$(find /var/lib/apt/lists \
			-maxdepth 0 -newer "$apt_state/updated" 2>/dev/null)" ] ||
		[ -n "$(find "$apt_state/updated" -mtime "+$apt_days")" ]
	then
		log "asking for the package lists of $apt_arch" \
			"$([ "$apt_suite" = - ] || echo "in $apt_suite")"
		# An architecture can lack one suite of several, such as the
		# security updates, for which there is no use in asking again.
		if apt_update; then
			:
		elif apt_cache pkgnames linux-headers- 2>/dev/null |
			grep -q . && [ ! -e "$apt_state/updated" ]; then
			log "some package lists of $apt_arch" \
				"$([ "$apt_suite" = - ] || echo "in $apt_suite")" \
				"cannot be had: kernels that these list are left out"
			# Ask again in an hour: the mirror may be at work.
			touch -d '23 hours ago' "$apt_state/updated"
		else
			log "the package lists of $apt_arch cannot be had:" \
				"check the network"
		fi
	fi
}

# The lists of a suite are shared by the architectures: each needs those of this
# machine besides its own.
apt_for_suite() {
	suite_mirror=$(system_mirror Debian)
	[ -n "$suite_mirror" ] || {
		log "apt's sources have no mirror of Debian: the suite" \
			"$apt_suite cannot be had; see /etc/apt"
		return 1
	}
	suite_lists=$BUILD/kernels/.apt-lists-$apt_suite
	mkdir -p "$suite_lists/partial"
	suite_sources "$apt_suite" "$suite_mirror" \
		"$(system_mirror Debian-Security)" "$(system_keyring)" \
		>"$apt_state/sources.list"
	cat >>"$apt_conf" <<-END
		Dir::Etc::SourceList "$apt_state/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::Etc::Preferences "/dev/null";
		Dir::Etc::PreferencesParts "/dev/null";
		Dir::State::lists "$suite_lists";
	END
}

# Without the option apt warns root that the user _apt cannot write here.
apt_get() {
	apt-get -c "$apt_conf" -q -o APT::Sandbox::User= "$@"
}

# Update the package lists. Fail for the system's own lists unless run by root.
apt_update() {
	if [ "$apt_conf" = /dev/null ] && [ "$(id -u)" -ne 0 ]; then
		return 1
	fi
	apt_get -o APT::Update::Error-Mode=any update >"$tmp/update.log" 2>&1 ||
		return 1
	[ "$apt_conf" = /dev/null ] || : >"$apt_state/updated"
}

# Call apt-cache with a package cache of our own: for a user without write
# access to the system's cache, apt-cache builds it anew in each call, which
# takes a second.
apt_cache() {
	apt-cache -c "$apt_conf" \
		-o Dir::Cache::pkgcache="$apt_cache_file" \
		-o Dir::Cache::srcpkgcache= "$@"
}

# dependency PACKAGE PATTERN: print the first dependency that matches.
dependency() {
	apt_cache depends "$1" 2>/dev/null |
		sed -n "s/^ *|\{0,1\}Depends: \($2\)\$/\1/p" | head -n 1
}

# headers_of FLAVOURS: read what "apt-cache depends" says of packages, and print
# the packages of a release that meta-packages of headers lead to. FLAVOURS is a
# regular expression. Packages of a release depend on common headers, and those
# of another architecture carry its name.
headers_of() {
	awk -v flavours="^linux-headers-($1)\$" '
		/^[^ |<]/ { name = $1 }
		$1 ~ /Depends:$/ && $2 ~ /^linux-headers-/ &&
			$2 !~ /-common|:/ && name !~ /:/ &&
			name ~ flavours { print $2 }' | sort -u
}

# newest PACKAGE...: print NAME=VERSION of each; fail if apt does not know one.
newest() {
	for newest_name; do
		newest_version=$(apt_cache show --no-all-versions \
			"$newest_name" 2>/dev/null |
			sed -n '/^Version: /{s///p;q;}')
		[ -n "$newest_version" ] || return 1
		echo "$newest_name=$newest_version"
	done
}

# download FOLDER NAME=VERSION...: download packages into FOLDER, if necessary
# after an update of the lists.
download() (
	cd "$1" || exit
	shift
	apt_get download "$@" >"$tmp/download.log" 2>&1 && exit 0
	if apt_update; then
		apt_get download "$@" >"$tmp/download.log" 2>&1 && exit 0
	fi
	grep -hs '^[EW]:' "$tmp/update.log" "$tmp/download.log" >&2
	exit 1
)

# publish NEW FOLDER: replace a folder by a finished one. A reader sees either.
publish() {
	if [ -e "$2" ]; then
		mv "$2" "$1.old"
	fi
	mv "$1" "$2"
	rm -rf "$1.old"
}

# Debian's Makefile of the headers names the common headers by their installed
# path, and since 7.0 its own folder; everything else in the packages is a
# relative link already. ":=", since the list of Makefiles grows.
relocate_headers() {
	# shellcheck disable=SC2016 # for make to expand
	sed -i -e 's|^include /usr/src/|include $(dir $(lastword $(MAKEFILE_LIST)))../|' \
		-e 's|^KBUILD_OUTPUT=/usr/src/.*|KBUILD_OUTPUT := $(realpath $(dir $(lastword $(MAKEFILE_LIST))))|' \
		"$1/Makefile"
	! grep -q '/usr/src/' "$1/Makefile" ||
		die "the Makefile of the headers has an unknown path in it:" \
			"extend relocate_headers in scripts/apt.sh, see $1/Makefile"
}

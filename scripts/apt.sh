# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154
# Download Debian packages of any architecture without installing them and
# without changing the system. Source this after lib.sh; $tmp is a folder of the
# caller.

# apt_for ARCH: choose the architecture for the functions below. For any other
# than this machine's, which dpkg need not know, apt gets its own lists and
# caches, with the sources and keys of the system; this machine's packages are
# then called NAME:ARCH.
apt_for() {
	apt_arch=$1
	apt_conf=/dev/null
	[ "$apt_arch" != "$(host_arch)" ] || return 0
	apt_state=$BUILD/kernels/.apt-$apt_arch
	apt_conf=$apt_state/apt.conf
	mkdir -p "$apt_state/lists/partial" "$apt_state/cache/archives/partial"
	: >"$apt_state/status"
	cat >"$apt_conf" <<-END
		#clear APT::Architectures;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		APT::Architecture "$apt_arch";
		APT::Architectures { "$apt_arch"; "$(host_arch)"; };
		Dir::State "$apt_state";
		Dir::State::lists "lists";
		Dir::State::status "$apt_state/status";
		Dir::Cache "$apt_state/cache";
	END
	# Update the lists when those of the system are newer.
	if [ ! -e "$apt_state/updated" ] || [ -n "$(find /var/lib/apt/lists \
			-maxdepth 0 -newer "$apt_state/updated" 2>/dev/null)" ]
	then
		log "asking for the package lists of $apt_arch"
		apt_update || log "the package lists of $apt_arch cannot be" \
			"had: check the network"
	fi
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
		-o Dir::Cache::pkgcache="$tmp/pkgcache-$apt_arch" \
		-o Dir::Cache::srcpkgcache= "$@"
}

# dependency PACKAGE PATTERN: print the first dependency that matches.
dependency() {
	apt_cache depends "$1" 2>/dev/null |
		sed -n "s/^ *|\{0,1\}Depends: \($2\)\$/\1/p" | head -n 1
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

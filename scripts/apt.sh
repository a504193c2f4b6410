# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154
# Debian's packages of any architecture, without installing them and without a
# change to the system. Source it after lib.sh; $tmp is a folder of the caller's.

# apt_for ARCH: whose packages the functions below are about. For another
# architecture than this machine's, which dpkg need not know, apt gets lists and
# caches of its own, with the system's sources and keys; there, this machine's
# packages are called NAME:ARCH.
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
	# They grow old with the system's.
	if [ ! -e "$apt_state/updated" ] || [ -n "$(find /var/lib/apt/lists \
			-maxdepth 0 -newer "$apt_state/updated" 2>/dev/null)" ]
	then
		log "asking for the package lists of $apt_arch"
		apt_update || log "the package lists of $apt_arch cannot be" \
			"had: check the network"
	fi
}

# Root's downloads would otherwise warn that user _apt cannot write here.
apt_get() {
	apt-get -c "$apt_conf" -q -o APT::Sandbox::User= "$@"
}

# Fails where it is not for us to do: the system's lists are root's.
apt_update() {
	if [ "$apt_conf" = /dev/null ] && [ "$(id -u)" -ne 0 ]; then
		return 1
	fi
	apt_get -o APT::Update::Error-Mode=any update >"$tmp/update.log" 2>&1 ||
		return 1
	[ "$apt_conf" = /dev/null ] || : >"$apt_state/updated"
}

# With a package cache of our own, for a user who may not write the system's
# one builds it anew on every call, which takes a second.
apt_cache() {
	apt-cache -c "$apt_conf" \
		-o Dir::Cache::pkgcache="$tmp/pkgcache-$apt_arch" \
		-o Dir::Cache::srcpkgcache= "$@"
}

# The first dependency of a package that matches a pattern.
dependency() {
	apt_cache depends "$1" 2>/dev/null |
		sed -n "s/^ *|\{0,1\}Depends: \($2\)\$/\1/p" | head -n 1
}

# newest PACKAGE...: print NAME=VERSION of each; fail if apt knows one not.
newest() {
	for newest_name; do
		newest_version=$(apt_cache show --no-all-versions \
			"$newest_name" 2>/dev/null |
			sed -n '/^Version: /{s///p;q;}')
		[ -n "$newest_version" ] || return 1
		echo "$newest_name=$newest_version"
	done
}

# download FOLDER NAME=VERSION...
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

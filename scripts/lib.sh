# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the scripts share. Source it after `set -euo pipefail`. Progress goes to stderr, results to stdout.
# Call the functions that print a result as  x=$(f)  on a line of its own, so that a failure ends the script.
#
#   say TEXT                  a line of progress with the elapsed time
#   step TEXT                 the same, as a heading
#   die TEXT                  an error; exit 1
#   bad_usage TEXT            an error of the command line; exit 2
#   usage                     the script's own comment at its top, as the help text
#   min SECONDS               as m:ss
#   have COMMAND              is it there?
#   add_packages PKG...       install what is missing (root); status 1, and $missing, when that cannot be
#   need_packages PKG...      the same, but ends the script, naming the packages (exit 3)
#   lock NAME [DIR]           wait for, and hold until this (sub)shell ends, a lock
#   run_logged TEXT LOG CMD...  run CMD with its output in LOG, progress every 30 s; its status is in $status
#   log_tail LOG              its last lines, indented
#   long TEXT LOG CMD...      run_logged, announced; shows the tail of LOG when it fails
#   git_plain ARGS...         git without the configuration of user and machine, with a fixed identity
#   get_base                  prints the base tree: a git tree with the tag `base`, never to be built in
#   series_list               the series: PATCH<tab>GROUP a line
#   am_series TREE PATCH...   git am of these patches in TREE; says which file and hunk does not apply
#   light_clone TREE DIR      clone of TREE in DIR that holds only the files which the series touches
# The next two take the base from $base, when the script has it already.
#   series_commit             prints the commit of the whole series on the base (made once, in the base's repository)
#   patched_tree [DIR]        prints a work tree of that commit; unchanged files keep their times. Hold `lock patched` while using it
#   ccache_cc                 prints the compiler: `ccache gcc` or `gcc`
#   kmake TREE OBJ ARGS...    make -C TREE O=OBJ; ARGS as for make, ARCH=um too
#   kconfig_write TREE OBJ TARGET FRAGMENT...   configure from TARGET (`defconfig`, `ARCH=um defconfig`) and fragments
#   kconfig TREE OBJ TARGET FRAGMENT...   the same, and every line of the fragments must hold
#   make_initramfs OUT INIT [FILE:NAME...]  busybox, INIT as /init and the files given
#   kvm_works KERNEL          does KVM run a kernel here? (asked once per boot of the machine)
#   without_kvm KERNEL CMD... run CMD, with /dev/kvm hidden where KVM does not work
#   run_qemu SECONDS CONSOLE KERNEL ARGS...   qemu-system-x86_64, time limit, saved console; 124 when time was up. KVM where that
#                             works, unless ARGS have an -accel or -icount of their own
#   console_trouble CONSOLE   prints the lines that report a WARN, BUG, lockdep, KASAN, leak, ...; status 0 when there are any

# The base: the one place that names it.
BASE_PACKAGE=linux-source-7.3
BASE_PACKAGE_VERSION=7.3.4-1~bpo13+1
BASE_SHA256=703e369ddd4cce971452f5a593ee55df3a5c10c83caf0fa0df039633ed181ee3
BASE_SUITE=trixie-backports
BASE_SERIES=7.3
BASE_VERSION=7.3.4

# What it takes to unpack the base, build a kernel and make an initramfs.
# shellcheck disable=SC2034 # used by the scripts
BUILD_PACKAGES=(git ca-certificates xz-utils gcc libc6-dev make flex bison bc perl python3 libelf-dev libssl-dev cpio gzip busybox-static ccache)

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/linux-object-caches
JOBS=$(nproc)
export LC_ALL=C
# Not CCACHE_DEPEND: that overlooks .incbin, and an image of the same length would be the one before.
shopt -s inherit_errexit # so that `set -e` holds in $(...) too
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY

min() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }
say() { printf '[%6s] %s\n' "$(min $SECONDS)" "$*" >&2; }
step() { printf '[%6s] == %s\n' "$(min $SECONDS)" "$*" >&2; }
die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}
bad_usage() {
	printf '%s: %s (see --help)\n' "${0##*/}" "$*" >&2
	exit 2
}
usage() { sed -n '4,/^[^#]/{/^#/{s/^# \{0,1\}//;p}}' "$0"; }
have() { command -v "$1" >/dev/null; }

case $CACHE in *[[:space:]:]*) die "the kernel does not build below a path with a space or colon: $CACHE (set XDG_CACHE_HOME)" ;; esac
mkdir -p "$CACHE"

missing=()
add_packages() {
	local p
	have dpkg-query || return 0 # not Debian: what is missing shows itself
	missing=()
	for p; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
	done
	((${#missing[@]})) || return 0
	[ "$(id -u)" = 0 ] || return 1
	step "installing packages: ${missing[*]}"
	(
		lock apt
		export DEBIAN_FRONTEND=noninteractive
		long "apt-get update" "$CACHE/apt.log" apt-get -q update &&
			long "apt-get install" "$CACHE/apt.log" apt-get -qy -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}"
	) || return 1
	missing=()
}
need_packages() {
	add_packages "$@" && return
	printf '%s: packages are missing; as root: apt-get install --no-install-recommends %s\n' "${0##*/}" "${missing[*]}" >&2
	exit 3
}

lock() {
	local fd
	exec {fd}>"${2:-$CACHE}/.lock-$1"
	flock -n "$fd" && return
	say "waiting for another run ($1)"
	flock "$fd"
}

# `if f` and `f || ...` take `set -e` from a shell function; hence the status in a variable.
run_logged() {
	local text=$1 log=$2 ticker start=$SECONDS
	shift 2
	while ! read -rt 30 _ <> <(:); do
		kill -0 $$ 2>/dev/null || exit
		say "$text: $(min $((SECONDS - start))), $(tail -n 1 "$log" | tr -d '\r' | cut -c1-70)"
	done &
	ticker=$!
	set +e
	(set -e && "$@") >"$log" 2>&1 </dev/null
	status=$?
	set -e
	kill "$ticker" 2>/dev/null
	wait "$ticker" 2>/dev/null || :
}

log_tail() { tail -n "${LOG_TAIL:-20}" "$1" | tr -d '\r' | sed 's/^/    /' >&2; }

long() {
	say "$1 ..."
	run_logged "$@"
	((status)) || return 0
	say "$1: failed; the end of $2:"
	log_tail "$2"
	return 1
}

git_plain() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=scripts GIT_AUTHOR_EMAIL=scripts@localhost \
		GIT_COMMITTER_NAME=scripts GIT_COMMITTER_EMAIL=scripts@localhost \
		GIT_AUTHOR_DATE='2000-01-01T00:00:00Z' GIT_COMMITTER_DATE='2000-01-01T00:00:00Z' \
		git -c gc.auto=0 -c core.hooksPath=/dev/null -c advice.detachedHead=false "$@"
}

# --- the base ---

kernel_version() { # Makefile on stdin
	awk -F ' *= *' '/^(VERSION|PATCHLEVEL|SUBLEVEL) =/ { if (n < 3) v[n++] = $2 } END { print v[0] "." v[1] "." v[2] }'
}

check_version() { # VERSION WHAT
	[[ $1 == "$BASE_SERIES".* ]] || die "$2 is Linux $1; the series is for $BASE_SERIES.y"
	[ "$1" = "$BASE_VERSION" ] || say "note: $2 is Linux $1; the series is made for $BASE_VERSION"
}

archive() { # URI|KEYRING of the Debian archive that the machine uses; nothing when apt has no lists
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(REPO_URI)|$(SIGNED_BY)|$(CREATED_BY)|$(COMPONENT)|$(RELEASE)|$(LABEL)' |
		awk -F'|' '$3 == "Packages" && $4 == "main" && $5 !~ /[-\/]/ && $6 == "Debian" && !n++ { print $1 "|" $2 }'
}

# The package comes through a configuration of its own, so that the machine's apt never sees the other suite;
# the archive's address and key are those that the machine uses already.
fetch_deb() {
	local deb=$CACHE/apt/$BASE_PACKAGE-$BASE_PACKAGE_VERSION.deb apt=$CACHE/apt archive uri key
	if ! sha256sum --status -c <<<"$BASE_SHA256  $deb" 2>/dev/null; then
		have apt-get || die "no apt-get here to fetch $BASE_PACKAGE with; pass a tree or tarball: KERNEL=..."
		archive=$(archive)
		if [ -z "$archive" ] && [ "$(id -u)" = 0 ]; then
			long "apt-get update" "$CACHE/apt.log" apt-get -q update
			archive=$(archive)
		fi
		[ -n "$archive" ] || die "apt knows no Debian archive to fetch $BASE_PACKAGE from: run apt-get update, or pass a tree or tarball: KERNEL=..."
		IFS='|' read -r uri key <<<"$archive"
		[[ $key == /* ]] || key=/usr/share/keyrings/debian-archive-keyring.gpg # older apt does not tell
		rm -rf "$apt"
		mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
		echo "deb [signed-by=$key] $uri $BASE_SUITE main" >"$apt/sources.list"
		cat >"$apt/apt.conf" <<-END
			Dir::Etc::SourceList "$apt/sources.list";
			Dir::Etc::SourceParts "/dev/null";
			Dir::Etc::Preferences "/dev/null";
			Dir::Etc::PreferencesParts "/dev/null";
			Dir::State "$apt/state";
			Dir::Cache "$apt/cache";
			APT::Sandbox::User "$(id -un)";
			Acquire::Languages "none";
		END
		export APT_CONFIG=$apt/apt.conf
		long "reading the package list of $BASE_SUITE" "$apt/log" apt-get -q update
		(
			cd "$apt"
			long "downloading $BASE_PACKAGE $BASE_PACKAGE_VERSION" "$apt/log" \
				apt-get -q download "$BASE_PACKAGE=$BASE_PACKAGE_VERSION"
		) || die "no $BASE_PACKAGE $BASE_PACKAGE_VERSION to be had; put the package at $deb, or pass a tree or tarball: KERNEL=..."
		mv "$apt/$BASE_PACKAGE"_*.deb "$deb"
		sha256sum --status -c <<<"$BASE_SHA256  $deb" || die "another checksum than the pinned one: $deb"
	fi
	echo "$deb"
}

unpack_deb() { dpkg-deb --fsys-tarfile "$1" | tar -xO "./usr/src/$BASE_PACKAGE.tar.xz" | tar -xJ --strip-components=1; }
unpack_tarball() { tar -xf "$1" --strip-components=1; }
copy_tree() { cp -a --reflink=auto "$1/." .; }
clone_tree() { git clone -q --shared "$1" .; }

# Made under a temporary name and renamed, so that an interrupted run leaves nothing that looks whole.
make_base() { # DIR NAME UNPACKER SOURCE
	local dir=$1 name=$2 tmp
	[ ! -d "$dir" ] || return 0
	rm -rf "$CACHE"/tmp.base.*
	tmp=$(mktemp -d "$CACHE/tmp.base.XXXXXX")
	cd "$tmp"
	step "unpacking $name"
	"$3" "$4" || die "cannot unpack $4"
	[ -f Makefile ] || die "$4 holds no kernel tree"
	if [ ! -d .git ]; then
		say "committing it"
		git_plain init -q .
		git_plain config gc.auto 0
		git_plain add -A -f # the kernel's .gitignore names files which the tarball has
		git_plain commit -q -m "$name"
	fi
	git_plain tag -f base >/dev/null
	mkdir -p "${dir%/*}"
	mv -T "$tmp" "$dir"
}

get_base() {
	local kernel=${KERNEL:-} version id unpack
	if [ -z "$kernel" ]; then
		id=$BASE_VERSION-${BASE_SHA256:0:12}
		if [ ! -d "$CACHE/$id/base" ]; then
			(
				lock base
				deb=$(fetch_deb)
				make_base "$CACHE/$id/base" "Linux $BASE_PACKAGE_VERSION" unpack_deb "$deb"
			)
		fi
		echo "$CACHE/$id/base"
		return
	fi
	[ -e "$kernel" ] || die "KERNEL: no such file or directory: $kernel"
	kernel=$(realpath "$kernel")
	if [ -f "$kernel" ]; then
		unpack=unpack_tarball
		version=$(tar -xOf "$kernel" --occurrence=1 --wildcards --no-wildcards-match-slash '*/Makefile' 2>/dev/null | kernel_version) ||
			die "KERNEL: not a tarball of one kernel tree: $kernel"
		id=$(sha256sum <"$kernel")
	else
		[ -f "$kernel/Makefile" ] || die "KERNEL: holds no kernel tree: $kernel"
		version=$(kernel_version <"$kernel/Makefile")
		if [ -e "$kernel/.git" ]; then
			unpack=clone_tree
			id=$(git -C "$kernel" rev-parse HEAD)
			[ -z "$(git -C "$kernel" status --porcelain -uno)" ] || say "note: uncommitted changes in $kernel are not used"
		else
			unpack=copy_tree
			[ ! -e "$kernel/.config" ] || die "KERNEL: $kernel has been built in; run make mrproper there, or pass a git tree or tarball"
			id=$(find "$kernel" -type f -printf '%P %s %T@\n' | sort | sha256sum)
		fi
	fi
	check_version "$version" "$kernel"
	id=$version-${id:0:12}
	(
		lock base
		make_base "$CACHE/$id/base" "Linux $version" "$unpack" "$kernel"
	)
	echo "$CACHE/$id/base"
}

# --- the series ---

series_list() {
	awk '/^# group:/ { sub(/^# group:[ \t]*/, ""); group = $0; next } /^[^#[:space:]]/ { print $1 "\t" group }' "$TOP/series"
}

am_series() {
	local tree=$1 patch out
	shift
	for patch; do
		out=$(git -C "$tree" -c core.hooksPath=/dev/null -c core.autocrlf=false -c core.fsmonitor=false -c am.threeWay=false -c am.keepcr=false \
			-c am.messageId=false -c mailinfo.scissors=false -c apply.whitespace=nowarn -c apply.ignoreWhitespace=no \
			-c commit.gpgSign=false -c commit.encoding=UTF-8 -c i18n.commitEncoding=UTF-8 \
			am -q --committer-date-is-author-date "$TOP/patches/$patch" 2>&1) && continue
		say "$patch does not apply to $(git -C "$tree" log -1 --format='%h ("%s")'):"
		git -C "$tree" apply --check -v "$TOP/patches/$patch" >"$tree/.git/out" 2>&1 || out=$(grep -v '^Checking patch' "$tree/.git/out")
		printf '    %s\n' "${out//$'\n'/$'\n'    }" >&2
		return 1
	done
}

light_clone() {
	git clone -q --shared --no-checkout "$1" "$2"
	sed -n 's,^diff --git a/\(.*\) b/\(.*\)$,/\1\n/\2,p' "$TOP"/patches/*.patch | sort -u |
		git_plain -C "$2" sparse-checkout set --no-cone --stdin
	git_plain -C "$2" checkout -q --detach "$(git -C "$1" rev-parse HEAD)"
}

series_commit() {
	local base=${base:-} key tmp patches
	[ -n "$base" ] || base=$(get_base)
	mapfile -t patches < <(series_list | cut -f1)
	((${#patches[@]})) || die "the series is empty"
	key=$(cd "$TOP/patches" && { git -C "$base" rev-parse refs/tags/base && cat "${patches[@]}"; } | sha256sum | cut -c1-40)
	(
		lock series
		git_plain -C "$base" rev-parse -q --verify "refs/series/$key^{commit}" && exit
		step "applying ${#patches[@]} patch(es) with git am"
		tmp=$(mktemp -d "$CACHE/tmp.am.XXXXXX")
		trap 'rm -rf "$tmp"' EXIT
		light_clone "$base" "$tmp/tree"
		GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_COMMITTER_NAME=scripts GIT_COMMITTER_EMAIL=scripts@localhost \
			am_series "$tmp/tree" "${patches[@]}"
		git_plain -C "$base" fetch -q "$tmp/tree" "HEAD:refs/series/$key"
		git_plain -C "$base" rev-parse "refs/series/$key"
	)
}

# shellcheck disable=SC2120 # the argument is optional
patched_tree() {
	local base=${base:-} dir commit head
	[ -n "$base" ] || base=$(get_base)
	commit=$(series_commit)
	dir=${1:-${base%/*}/patched}
	(
		lock "tree-$(basename "$dir")"
		if [ ! -e "$dir/.git" ]; then
			step "checking out the series in $dir"
			git_plain -C "$base" worktree prune
			git_plain -C "$base" worktree add -q --detach "$dir" "$commit"
			exit
		fi
		head=$(git_plain -C "$dir" rev-parse HEAD)
		[ "$head" != "$commit" ] || exit 0
		if [ -n "$(git_plain -C "$dir" status --porcelain)" ] ||
			[ -z "$(git_plain -C "$base" for-each-ref --contains "$head" refs/series refs/tags/base)" ]; then
			die "$dir holds changes of yours; export or remove them first"
		fi
		git_plain -C "$dir" checkout -q --detach "$commit"
	)
	echo "$dir"
}

# --- building ---

ccache_cc() { if have ccache; then echo "ccache gcc"; else echo gcc; fi; }

kmake() {
	local tree=$1 obj=$2
	shift 2
	KBUILD_BUILD_TIMESTAMP='2000-01-01' KBUILD_BUILD_USER=scripts KBUILD_BUILD_HOST=localhost \
		make -C "$tree" O="$obj" -j"$JOBS" CC="$(ccache_cc)" "$@"
}

kconfig_write() {
	local tree=$1 obj=$2 target
	read -ra target <<<"$3"
	shift 3
	mkdir -p "$obj"
	kmake "$tree" "$obj" -s "${target[@]}"
	cat "$@" >>"$obj/.config"
	kmake "$tree" "$obj" -s "${target[@]/%*config/olddefconfig}" 2>"$obj/olddefconfig.log" # a line given twice is no news
}

kconfig() {
	local line bad=0 config=$2/.config
	kconfig_write "$@"
	while read -r line; do
		case $line in
		CONFIG_*=n) ! grep -q "^${line%=n}=" "$config" && continue ;;
		CONFIG_*) grep -qxF -- "$line" "$config" && continue ;;
		'# CONFIG_'*' is not set') ! grep -q "^${line:2:-11}=" "$config" && continue ;;
		*) continue ;;
		esac
		say "configuration: $line does not hold in $config"
		bad=1
	done < <(cat "${@:4}")
	return "$bad"
}

make_initramfs() {
	local out=$1 init=$2 tmp file
	shift 2
	tmp=$(mktemp -d)
	mkdir -p "$tmp"/{bin,dev,proc,sys,tmp,etc}
	cp "$(command -v busybox)" "$tmp/bin/busybox"
	ln -s busybox "$tmp/bin/sh"
	cp "$init" "$tmp/init"
	chmod +x "$tmp/init"
	for file; do
		mkdir -p "$tmp/$(dirname "${file#*:}")"
		cp "${file%%:*}" "$tmp/${file#*:}"
	done
	(cd "$tmp" && find . | cpio -o -H newc --quiet -R 0:0) | gzip -1 >"$out"
	rm -rf "$tmp"
}

# --- running ---

# Some machines have a /dev/kvm that opens, even runs a boot sector, but never a kernel: qemu then spins for ever.
# So see whether the kernel at hand says its first line in time, and keep the answer until the machine boots again.
kvm_works() {
	local answer console
	[ -f "$1" ] || die "no kernel: $1"
	answer=$CACHE/kvm-$(tr -d '\n' </proc/sys/kernel/random/boot_id)
	if [ ! -s "$answer" ]; then
		rm -f "$CACHE"/kvm-*
		console=$(mktemp)
		if [ -w /dev/kvm ]; then
			say "asking whether KVM runs a kernel here (20 s at most)"
			timeout -k 2 20 qemu-system-x86_64 -accel kvm -m 512 -nographic -no-reboot -kernel "$1" \
				-append "console=ttyS0 earlyprintk=serial panic=-1" </dev/null >"$console" 2>&1 || :
		fi
		if grep -q 'Linux version' "$console"; then echo yes; else echo no; fi >"$answer"
		rm -f "$console"
	fi
	grep -qx yes "$answer"
}

without_kvm() {
	local kernel=$1
	shift
	if [ ! -e /dev/kvm ] || kvm_works "$kernel"; then
		"$@"
	else
		# shellcheck disable=SC2016 # for the inner shell
		unshare -rm sh -c 'mount --bind /dev/null /dev/kvm && exec "$@"' sh "$@"
	fi
}

run_qemu() {
	local limit=$1 console=$2 kernel=$3 accel=(-accel tcg)
	shift 3
	if [[ " $* " == *" -accel "* ]]; then
		accel=()
	elif [[ " $* " != *" -icount "* ]] && kvm_works "$kernel"; then
		accel=(-accel kvm)
	fi
	timeout -k 5 "$limit" qemu-system-x86_64 "${accel[@]}" -nographic -no-reboot -kernel "$kernel" "$@" </dev/null >"$console" 2>&1
}

console_trouble() {
	grep -nE -m 8 'WARNING:|BUG:|BUG at|BUG [a-z]|Oops|KASAN:|UBSAN:|KCSAN:|KFENCE:|INFO: (possible|suspicious|trying|lockdep|inconsistent|task|rcu)|rcu:.*(stall|detected)|unreferenced object|kmemleak: [0-9]+ new|Kernel panic|DEBUG_LOCKS_WARN|ODEBUG:|refcount_t:|Call Trace:|soft lockup|hard LOCKUP|Unable to handle' "$1"
}

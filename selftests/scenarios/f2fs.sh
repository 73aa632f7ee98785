# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# f2fs takes the work areas of its compressors from caches of their own. Compress and decompress while the writers are
# in a small memory cgroup and somebody else eats what is free: every file must come back as it was, for lz4, zstd and lzo-rle,
# and no work area may be left when the filesystem is unmounted.
description="f2fs compresses in a small memory cgroup and while memory is short; every file's checksum, work areas"
when=ci
limit=450
smp=4
memory=768M
disk=96
documents="filesystems"
packages="f2fs-tools"
failures=expected # of allocations, which report themselves; the hog may be killed

cgroup=/tmp/cgroup
disk_dir=/tmp/f2fs

prepare() { mkfs.f2fs -q -f -O extra_attr,compression "$1"; }
check() {
	if ! fsck.f2fs --dry-run -f "$1" >"$1.fsck" || grep -q '\[Fail' "$1.fsck"; then
		cat "$1.fsck"
		return 1
	fi
}

in_cgroup() { (echo 0 >$cgroup/test/cgroup.procs && "$@"); }
sums() { (cd "$1" && md5sum ./*); }

# Allocates all but 24 MiB of what is free, again and again, so that it is reclaimed from others.
hog() {
	while :; do
		available=$(awk '/^MemAvailable:/ { print int($2 / 1024) - 24 }' /proc/meminfo)
		[ "$available" -lt 8 ] || dd if=/dev/zero of=/dev/null bs="${available}M" count=1 2>/dev/null
		sleep 1
	done
}

write_and_read() { # COPY: writes the documents, and compares them
	mkdir "$disk_dir/$1" && cp /documents/* "$disk_dir/$1/" && sync -f "$disk_dir/$1" || return 1
	echo 1 >/proc/sys/vm/drop_caches
	sums "$disk_dir/$1" >"/tmp/sums.$1"
	cmp /tmp/sums "/tmp/sums.$1"
}

area_slabs() { ls -d /sys/kernel/slab/f2fs_*_area-* 2>/dev/null; }

round() { # ALGORITHM OPTIONS
	mount -t f2fs -o "compress_extension=*,compress_algorithm=$1$2" /dev/vda $disk_dir || fail "mount with $1"
	workers=""
	for copy in 1 2 3; do
		in_cgroup write_and_read $copy &
		workers="$workers $!"
	done
	for worker in $workers; do
		wait "$worker" || fail "$1: a file is not what was written, or a writer failed"
	done
	saved=$(cat /sys/fs/f2fs/vda/compr_saved_block)
	for slab in $(area_slabs); do
		say "$1: ${slab##*/}: $(cat "$slab/object_size") bytes, $(cat "$slab/slabs") slabs"
	done
	rm -r ${disk_dir:?}/*
	umount $disk_dir || fail "umount with $1"
	[ -z "$(area_slabs)" ] || fail "$1: caches of work areas are left"
	[ "$saved" -gt 0 ] || fail "$1: nothing was compressed"
	say "$1$2: $saved blocks saved, $(grep -c . /tmp/sums) files are as they were, three times"
}

# Files keep the algorithm that they were made with, and borrow the areas of the mount's: two compressors in turn have one.
take_turns() {
	for algorithm in lz4 zstd; do
		mount -t f2fs -o "compress_extension=*,compress_algorithm=$algorithm" /dev/vda $disk_dir || fail "mount with $algorithm"
		mkdir $disk_dir/$algorithm
		cp /documents/* $disk_dir/$algorithm/ || fail "$algorithm: no files"
		[ $algorithm = zstd ] || umount $disk_dir || fail "umount with $algorithm"
	done
	for file in /documents/*; do
		for algorithm in lz4 zstd; do
			cp "$file" $disk_dir/$algorithm/ || fail "$algorithm: write ${file##*/}"
			sync -f $disk_dir/$algorithm
		done
	done
	echo 1 >/proc/sys/vm/drop_caches
	for algorithm in lz4 zstd; do
		sums $disk_dir/$algorithm >/tmp/sums.$algorithm
		cmp /tmp/sums /tmp/sums.$algorithm || fail "$algorithm, in turn with another: a file is not what was written"
	done
	umount $disk_dir || fail "umount after turns"
	say "lz4 and zstd in turn: the files are as they were"
}

guest() {
	[ -b /dev/vda ] || skip "no virtio disk in this kernel"
	grep -qw f2fs /proc/filesystems || skip "no f2fs in this kernel"
	mkdir $cgroup $disk_dir
	mount -t cgroup2 cgroup2 $cgroup
	echo +memory >$cgroup/cgroup.subtree_control || skip "no memory cgroups in this kernel"
	mkdir $cgroup/test
	echo 6M >$cgroup/test/memory.max
	# clusters that do not get smaller, of which a compressor gives up in the middle
	for n in 1 2 3 4; do
		head -c 100000 /dev/urandom >/documents/a-noise$n
		head -c 100000 /dev/urandom >/documents/filesystems-noise$n
	done
	sums /documents >/tmp/sums
	hog &
	hog=$!
	round lz4
	round zstd
	round lzo-rle
	round lz4 :6
	round zstd :9,compress_log_size=4
	kill $hog
	take_turns
}

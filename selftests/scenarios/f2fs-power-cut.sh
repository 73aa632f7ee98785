# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# The power goes while f2fs compresses. What was synced before must be there in the next boot, as it was; and fsck finds
# nothing to repair, neither after the cut nor after the recovery. Files of two algorithms: lz4 borrows the work areas
# that were made for zstd, which must not take what it finds there then for its own.
description="the power is cut while f2fs writes compressed files: synced files, and fsck after each boot"
when=ci
limit=240
smp=4
disk=96
boots=2
documents="filesystems"
packages="f2fs-tools"

disk_dir=/tmp/f2fs

prepare() { mkfs.f2fs -q -f -O extra_attr,compression "$1"; }
check() {
	if ! fsck.f2fs --dry-run -f "$1" >"$1.fsck" || grep -q '\[Fail' "$1.fsck"; then
		cat "$1.fsck"
		return 1
	fi
}

# A file's checksum is written when the file is synced, and goes before it.
write_for_ever() { # WRITER
	pass=0
	while :; do
		dir=$disk_dir/$1.$boot.$pass
		mkdir "$dir"
		for file in /documents/*; do
			to=$dir/$(basename "$file")
			{ cp "$file" "$to" && sync "$to" && md5sum <"$to" >"$to.md5" && sync "$to.md5"; } || fail "$to"
		done
		before=$disk_dir/$1.$boot.$((pass - 1))
		[ ! -d "$before" ] || { rm "$before"/*.md5 && rm -r "$before"; } || fail "rm"
		pass=$((pass + 1))
	done
}

check_synced() {
	checked=0
	for sum in "$disk_dir"/*/*.md5; do
		[ -s "$sum" ] || continue
		file=${sum%.md5}
		name=$(basename "$file")
		[ "$(md5sum <"$file")" = "$(cat "$sum")" ] || fail "$file was synced, and is something else"
		cmp "$file" "/documents/$name" || fail "$file is not the document"
		checked=$((checked + 1))
	done
	say "boot $boot: $checked files are what was synced"
}

guest() {
	[ -b /dev/vda ] || skip "no virtio disk in this kernel"
	grep -qw f2fs /proc/filesystems || skip "no f2fs in this kernel"
	boot=$(sed -E 's/.*selftest.boot=([0-9]+).*/\1/' /proc/cmdline)
	mkdir $disk_dir
	mount -t f2fs -o "compress_extension=*,nocompress_extension=md5,compress_algorithm=zstd" /dev/vda $disk_dir || fail mount
	check_synced
	if [ "$boot" = 2 ]; then
		[ $checked -gt 0 ] || fail "nothing was synced in the boot before"
		umount $disk_dir || fail umount
		return
	fi
	for writer in 1 2 3; do
		write_for_ever $writer &
	done
	for algorithm in lz4 zstd lz4 zstd; do
		sleep 1
		mount -t f2fs -o remount,compress_algorithm=$algorithm /dev/vda $disk_dir || fail remount
		grep -q "$disk_dir .*compress_algorithm=$algorithm" /proc/mounts || fail "remount did not change the algorithm"
	done
	[ "$(cat /sys/fs/f2fs/vda/compr_saved_block)" -gt 0 ] || fail "nothing was compressed"
	say cut
	sleep 1 # the console takes its time; the writers go on
	echo b >/proc/sysrq-trigger
	sleep 240
}

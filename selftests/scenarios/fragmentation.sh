# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# Large objects where there is no block of pages for them: all are had from areas, and nobody works for contiguity.
description="1000 objects of 1 MiB while no free block has 16 pages; the page-backed cache beside it"
when=ci
limit=300
memory=3G
smp=2
modules="slab_area"

run() { echo "$1" >/sys/module/slab_area/parameters/run || fail "slab_area: $1"; }

vmstat() { # NAME
	while read -r name value; do
		[ "$name" != "$1" ] || echo "$value"
	done </proc/vmstat
}

# Of all tasks, so only for who reads: kswapd, for one, wakes kcompactd before it sleeps, some time after there was work for it.
by_all() { echo "compact_stall $(vmstat compact_stall) compact_daemon_wake $(vmstat compact_daemon_wake)"; }

large_blocks() { # free ones of 16 pages and more, of all zones
	blocks=0
	while read -r _ _ _ _ _ _ _ _ rest; do
		for n in $rest; do
			blocks=$((blocks + n))
		done
	done </proc/buddyinfo
	echo $blocks
}

objects=1000 # slab_area's default

result() { dmesg | sed -n "s/.*slab_area: $1: //p" | tail -n 1; }

guest() {
	insmod /modules/slab_area.ko || fail "insmod slab_area"
	tries=20
	while left=$(large_blocks) && [ "$left" != 0 ]; do # what CPUs kept to themselves makes some more
		[ $tries != 0 ] || fail "memory is not fragmented: $(cat /proc/buddyinfo)"
		run fragment
		sleep 1
		tries=$((tries - 1))
	done
	say "free blocks of 16 pages and more: $left"
	before=$(by_all)
	run vmalloc
	say "vmalloc: $(result vmalloc); $before, then $(by_all)"
	case $(result vmalloc) in
	"$objects of $objects objects, work for blocks of pages 0 times"*) ;;
	*) fail "not all, or not at rest: $(result vmalloc)" ;;
	esac
	run pages
	say "pages: $(result pages); then $(by_all)"
	case $(result pages) in
	"$objects of"*) fail "pages do as well, so this proves nothing" ;;
	esac
	case $(result pages) in
	*" 0 times"*) fail "no work was counted for pages, so this proves nothing" ;;
	esac
	run defragment
	rmmod slab_area || fail "rmmod slab_area"
}

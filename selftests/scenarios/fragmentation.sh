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

work_for_blocks() { echo "compact_stall $(vmstat compact_stall) compact_daemon_wake $(vmstat compact_daemon_wake)"; }

large_blocks() { # free ones of 16 pages and more, of all zones
	blocks=0
	while read -r _ _ _ _ _ _ _ _ rest; do
		for n in $rest; do
			blocks=$((blocks + n))
		done
	done </proc/buddyinfo
	echo $blocks
}

result() { dmesg | sed -n "s/.*slab_area: $1: //p" | tail -n 1; }

guest() {
	insmod /modules/slab_area.ko || fail "insmod slab_area"
	tries=20
	while [ "$(large_blocks)" != 0 ] && [ $tries != 0 ]; do # what CPUs kept to themselves makes some more
		run fragment
		sleep 1
		tries=$((tries - 1))
	done
	say "free blocks of 16 pages and more: $(large_blocks)"
	[ "$(large_blocks)" = 0 ] || fail "memory is not fragmented: $(cat /proc/buddyinfo)"
	before=$(work_for_blocks)
	run vmalloc
	after=$(work_for_blocks)
	say "vmalloc: $(result vmalloc); before: $before; after: $after"
	case $(result vmalloc) in
	"1000 of 1000 objects, kswapd woken 0 times"*) ;;
	*) fail "not all, or not at rest: $(result vmalloc)" ;;
	esac
	[ "$before" = "$after" ] || fail "somebody worked for blocks of pages: $before, then $after"
	run pages
	say "pages: $(result pages); $(work_for_blocks)"
	case $(result pages) in
	1000*) fail "pages do as well, so this proves nothing" ;;
	esac
	run defragment
	rmmod slab_area || fail "rmmod slab_area"
}

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# An area is an array, many pages, page tables and a place in address space, and each of them may not be to be had: what was
# got by then must go back, and so must objects that were constructed before one that could not be.
description="a module's caches, of pages and of areas, while one in five of its slab and page allocations fails"
when=ci
limit=400
smp=4
modules="slab_sample"
failures=expected # of allocations, which report themselves

guest() {
	[ -e /sys/kernel/debug/fail_page_alloc ] || skip "no FAIL_PAGE_ALLOC in this kernel"
	load 31
	found=0
	for task in /proc/[0-9]*; do
		case $(cat "$task/comm" 2>/dev/null) in
		slab_sample/*) echo 1 >"$task/make-it-fail" && found=$((found + 1)) ;;
		esac
	done
	[ $found = 4 ] || fail "$found threads of slab_sample, not 4"
	set_fault failslab 20 1
	set_fault fail_page_alloc 20 1
	sleep 15
	set_fault failslab 0
	set_fault fail_page_alloc 0
	check_sample_idle
	unload
}

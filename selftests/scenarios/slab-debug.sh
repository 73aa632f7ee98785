# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# Every cache with consistency checks, red zones, poison and owner tracking: no sheaves, single objects through the
# debug paths; what a debug feature cannot do for constructed objects must degrade, not break.
description="boot with slab_debug=FZPU, processes and files, a module's constructed caches"
when=ci
limit=240
smp=2
append="slab_debug=FZPU"
modules="slab_sample"
helpers="processes"

# All but kmem_cache_node: 7.3 reports the free pointer of its first object, which early_kmem_cache_node_alloc() never set.
validate_all() {
	for dir in /sys/kernel/slab/*; do
		[ "$dir" = /sys/kernel/slab/kmem_cache_node ] || echo 1 >"$dir/validate" || fail "$dir/validate"
	done
}

guest() {
	load 1
	for cache in $(sample_caches); do
		[ "$(attr "$cache" sanity_checks)" = 1 ] || fail "$cache: slab_debug has no effect"
	done
	processes 12 || fail "processes ended with status $?"
	validate_all
	check_sample_idle
	unload
	validate_all
}

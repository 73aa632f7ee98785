# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# The files of a cache are open to whoever is root, at any time: also while it is created, shrunk and destroyed.
description="the sysfs files of constructed caches read and written with garbage while they are used"
when=ci
limit=240
smp=2
modules="slab_sample"
helpers="sysfs_fuzz tools/mm/slabinfo"

cache_dirs() { sample_caches | sed 's,^,/sys/kernel/slab/,'; }

check_areas() {
	for cache in slab_sample_area slab_sample_area_rcu slab_sample_area_large; do
		for file in backing slab_bytes emergency_slabs emergency_slabs_ever emergency_slabs_max refills flushes \
			barn_hits barn_misses; do
			[ -n "$(attr $cache $file)" ] || fail "$cache has no $file"
		done
		[ "$(attr $cache backing)" = vmalloc ] || fail "$cache is backed by $(attr $cache backing)"
		# Every other second the module empties its slots, and what it shrinks then has no area.
		tries=10
		until grep -q " slab=$cache" /proc/vmallocinfo; do
			[ $tries != 0 ] || fail "/proc/vmallocinfo names no area of $cache"
			tries=$((tries - 1))
			sleep 0.5
		done
		slabinfo -r $cache | grep -q '^Backing: vmalloc' || fail "slabinfo -r $cache prints no backing"
	done
}

# What caches tell reclaim is to be seen in shrinker_debugfs: the memory cgroup, and a number for each node.
check_shrinkers() {
	for cache in $(sample_caches); do
		set -- "/sys/kernel/debug/shrinker/slab:$cache"-*
		[ -f "$1/count" ] || fail "shrinker_debugfs has no shrinker of $cache"
	done
	told=$(cat /sys/kernel/debug/shrinker/slab:slab_sample*/count | awk '{ for (i = 2; i <= NF; i++) n += $i } END { print n + 0 }')
	[ "$told" -gt 0 ] || fail "shrinker_debugfs: no cache has anything for reclaim"
	say "reclaim is told of $told objects, twice the free ones"
}

guest() {
	load 21
	for cache in $(sample_caches); do
		for file in ctor dtor objects_constructed objects_destructed ctor_failures slabs_idle slabs_idle_max \
			objects_cached objects_idle objects_reclaimable objects_reclaimed; do
			[ -n "$(attr "$cache" $file)" ] || fail "$cache has no $file"
		done
		slabinfo -r "$cache" >/tmp/report || fail "slabinfo -r $cache ended with status $?"
		for line in Constructor Destructor "Constructed : " "Destructed  : " "Failures    : " "Idle slabs  : " \
			"Reclaimable : "; do
			grep -q "^$line" /tmp/report || fail "slabinfo -r $cache prints no $line"
		done
	done
	check_areas
	check_shrinkers
	[ "$(attr slab_sample_account object_weight)" = 512 ] || fail "slab_sample_account has no object_weight"
	# shellcheck disable=SC2046 # one word a directory
	sysfs_fuzz 10 1 $(cache_dirs) || fail "sysfs_fuzz ended with status $?"
	check_sample_idle
	sample_set active 1
	# and while the caches go
	# shellcheck disable=SC2046
	sysfs_fuzz 8 2 $(cache_dirs) &
	sleep 3
	unload
	wait $! || fail "sysfs_fuzz ended with status $?"
}

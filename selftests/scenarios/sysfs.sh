# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# The files of a cache are open to whoever is root, at any time: also while it is created, shrunk and destroyed.
description="the sysfs files of constructed caches read and written with garbage while they are used"
when=ci
limit=240
smp=2
modules="slab_sample"
helpers="sysfs_fuzz"

cache_dirs() { sample_caches | sed 's,^,/sys/kernel/slab/,'; }

guest() {
	load 21
	for cache in $(sample_caches); do
		for file in ctor dtor objects_constructed objects_destructed ctor_failures slabs_idle slabs_idle_max \
			objects_cached; do
			[ -n "$(attr "$cache" $file)" ] || fail "$cache has no $file"
		done
	done
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

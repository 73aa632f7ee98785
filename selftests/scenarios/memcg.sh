# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# The weight of an object is charged with it: to whom allocates it, for as long as it is allocated, within the limit;
# and a cached object keeps no cgroup from going away.
description="objects that weigh 1 MiB in a memory cgroup: charged, limited, uncharged; the cgroup can go"
when=ci
limit=240
smp=2
modules="slab_sample"

cgroup=/tmp/cgroup
in_cgroup() { (echo 0 >$cgroup/test/cgroup.procs && "$@"); }
charged() { cat $cgroup/test/memory.current; }

heavy() { echo "$1" >/sys/module/slab_sample/parameters/heavy; } 2>/dev/null

guest() {
	mkdir $cgroup
	mount -t cgroup2 cgroup2 $cgroup
	echo +memory >$cgroup/cgroup.subtree_control || skip "no memory cgroups in this kernel"
	load 31
	sample_set active 0
	for round in 1 2 3; do
		mkdir $cgroup/test
		before=$(charged)
		in_cgroup heavy 16 || fail "16 objects could not be allocated"
		with=$(charged)
		# An object is 64 bytes, a pointer to its cgroup, and its weight; the rest is the writer's own.
		weighs=$(((with - before) / 1048576))
		say "round $round: 16 objects of 1 MiB charge $((with - before)) bytes"
		[ $weighs = 16 ] || fail "16 objects of 1 MiB charge $weighs MiB"

		# Freed by somebody outside
		heavy 0 || fail "objects could not be freed"
		tries=10 # what CPUs keep of the charge is given back when the kernel gets to it
		while [ $(($(charged) / 1048576)) != 0 ] && [ $tries != 0 ]; do
			echo 1G >$cgroup/test/memory.reclaim 2>/dev/null
			tries=$((tries - 1))
			sleep 1
		done
		say "round $round: freed, $(charged) bytes are charged"
		[ $(($(charged) / 1048576)) = 0 ] || fail "all objects are free, and $(charged) bytes charged"

		echo 9M >$cgroup/test/memory.max
		! in_cgroup heavy 16 || fail "16 objects of 1 MiB in a limit of 9 MiB"
		in_cgroup heavy 4 || fail "4 objects of 1 MiB do not fit a limit of 9 MiB"
		heavy 0
		rmdir $cgroup/test || fail "the cgroup is busy"
	done
	tries=20
	while grep -q '^nr_dying_descendants [1-9]' $cgroup/cgroup.stat && [ $tries != 0 ]; do
		tries=$((tries - 1))
		sleep 1
	done
	say "$(grep '^nr_dying_descendants' $cgroup/cgroup.stat)"
	grep -q '^nr_dying_descendants 0' $cgroup/cgroup.stat || fail "cached objects pin cgroups"
	unload
}

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# The life of an mm where everything goes wrong at once. Afterwards the constructed objects of the caches that serve it
# must be those in use, and per-CPU memory must be where it was.
description="fork, exec and exit with failing allocations, a memory limit and CPU hotplug; per-CPU memory afterwards"
when=ci
limit=600
smp=4
helpers="storm"
failures=expected # of allocations, which report themselves

cgroup=/tmp/cgroup
outer=$cgroup/outer
count=100 warm=20 # times two loops times CPUs

# What per-CPU allocations there are beside those of mm_struct (2 for an object) and of the scheduler's groups (1)
other_percpu() {
	for cache in mm_struct sched_cache_group; do
		tries=20 # what kfree_rcu() holds takes its time
		while [ $tries != 0 ]; do
			echo 1 >"/sys/kernel/slab/$cache/shrink"
			tries=$((tries - 1))
			sleep 1
			[ "$(attr $cache slabs_idle)" != 0 ] || [ "$(attr $cache objects_cached)" != 0 ] || break
		done
	done
	# Reading must not fork, or it changes what it reads.
	live mm_struct
	mms=$live
	live sched_cache_group
	groups=$live
	while read -r name _ value; do
		[ "$name" != nr_cur_alloc ] || break
	done </sys/kernel/debug/percpu_stats
	say "per-CPU allocations: $value; constructed: $mms mm_struct, $groups sched_cache_group"
	other=$((value - 2 * mms - groups))
}

live() { # CACHE: its constructed objects, in use or not
	read -r made _ <"/sys/kernel/slab/$1/objects_constructed"
	read -r unmade _ <"/sys/kernel/slab/$1/objects_destructed"
	live=$((made - unmade))
}

# What free objects of the two hold, as it is after the storm: for who reads the console. The bounds are KUnit's matter
# (weight_bounds_many_cpus), a storm does not come near them.
tell_kept() {
	for cache in mm_struct sched_cache_group; do
		live $cache
		unused=$((live - $(attr $cache objects) + $(attr $cache objects_cached)))
		say "$cache: $unused free objects, each of $(attr $cache object_size) + $(attr $cache object_weight) bytes"
	done
}

storm_once() {
	storm "$1" $outer/storm/cgroup.procs &
	storm=$!
	while kill -0 $storm 2>/dev/null; do
		for cpu in 1 2 3; do
			echo 0 >/sys/devices/system/cpu/cpu$cpu/online
			# so that objects are constructed all the time
			echo 1 >/sys/kernel/slab/mm_struct/shrink
			echo 1 >/sys/kernel/slab/sched_cache_group/shrink
			echo 1 >/sys/devices/system/cpu/cpu$cpu/online
		done
	done
	wait $storm || fail "storm ended with status $?"
	say "the cgroup: $(grep -E '^(max|oom_kill) ' $outer/storm/memory.events | tr '\n' ' ')"
	say "mm_struct: $(attr mm_struct objects_constructed) constructed, $(attr mm_struct ctor_failures) failures"
}

# A CPU that goes down while it is asked for the charges that it keeps in advance (drain_all_stock()) is not asked again
# until it is down the next time, and then holds the cgroup: so it is with the kernel that the series changes, too.
drain_charges() {
	for cpu in 1 2 3; do
		echo 0 >/sys/devices/system/cpu/cpu$cpu/online
		echo 1 >/sys/devices/system/cpu/cpu$cpu/online
	done
	echo 0 >$outer/memory.max # for CPU 0, which never goes down
	echo max >$outer/memory.max
}

remove_cgroup() {
	tries=20
	while ! rmdir $outer/storm 2>/dev/null; do
		[ $tries != 0 ] || fail "the cgroup is busy"
		tries=$((tries - 1))
		sleep 1
	done
	tries=20
	while ! grep -q '^nr_dying_descendants 0' $outer/cgroup.stat && [ $tries != 0 ]; do
		# What kfree_rcu() was given, the futex hash of a process with
		# threads for one, waits charged in a sheaf until that is full.
		for cache in /sys/kernel/slab/*/shrink; do
			echo 1 >"$cache"
		done
		drain_charges
		tries=$((tries - 1))
		sleep 1
	done
	grep -q '^nr_dying_descendants 0' $outer/cgroup.stat || fail "a cgroup that is gone is held: $(grep '^nr_dying_descendants' $outer/cgroup.stat)"
}

guest() {
	[ -e /sys/kernel/debug/percpu_stats ] || skip "no PERCPU_STATS in this kernel"
	[ -e /sys/kernel/debug/failslab ] || skip "no FAILSLAB in this kernel"
	mkdir $cgroup
	mount -t cgroup2 cgroup2 $cgroup
	echo +memory >$cgroup/cgroup.subtree_control || fail "no memory cgroups in this kernel"
	echo 0 >/proc/sys/vm/oom_dump_tasks
	set_fault failslab 3 10
	set_fault fail_page_alloc 3 10
	# One cgroup for both: what it has of per-CPU memory lives as long as any page that it was charged.
	mkdir $outer
	echo +memory >$outer/cgroup.subtree_control
	mkdir $outer/storm
	echo 3M >$outer/storm/memory.max
	storm_once $warm # what is made once only
	other_percpu
	before=$other
	storm_once $count
	tell_kept
	other_percpu
	# What else happened to be made: few at most. An mm or group that is lost shows as three for each process.
	more=$((other - before))
	[ ${more#-} -le 4 ] || fail "per-CPU allocations of others: $before before, $other after"
	remove_cgroup
}

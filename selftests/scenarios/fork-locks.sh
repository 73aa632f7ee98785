# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# Once warm, a process that is made and ended takes none of the global locks of per-CPU memory and counters.
description="fork, exec and exit take no lock of per-CPU memory: counted by lock_stat"
when=ci
limit=240
smp=4

locks="pcpu_alloc_mutex pcpu_lock percpu_counters_lock"
processes=100

some_processes() {
	n=0
	while [ $n -lt $processes ]; do
		/bin/busybox true # fork and exec
		(:)               # fork
		n=$((n + 1))
	done
}

# acquisitions LOCK: how often it was taken, in all of its classes
acquisitions() {
	taken=0
	while read -r name rest; do
		case $name in
		"$1:" | "$1"/*: | "$1"-[RW]: | "$1"/*-[RW]:)
			# contentions and their waits come first, six columns, then bounces, then acquisitions
			# shellcheck disable=SC2086
			set -- "$1" $rest
			taken=$((taken + $9))
			;;
		esac
	done </proc/lock_stat
	echo $taken
}

constructed() {
	say "$1: $(attr mm_struct objects_constructed) mm_struct and $(attr sched_cache_group objects_constructed) groups constructed"
}

so_far() {
	for cache in mm_struct sched_cache_group; do
		echo "$(attr $cache objects_constructed) $(attr $cache objects_destructed)"
	done
}

guest() {
	[ -w /proc/lock_stat ] || skip "no LOCK_STAT in this kernel"
	for round in 1 2; do
		some_processes
		constructed "warming up, round $round"
	done
	# What nobody has needed for a while is destructed meanwhile, with these locks, for one slab or the other, and one
	# is constructed where it is needed again: then there is another round.
	for round in 1 2 3 4 5 6; do
		before=$(so_far)
		echo 1 >/proc/sys/kernel/lock_stat
		echo 0 >/proc/lock_stat
		some_processes
		echo 0 >/proc/sys/kernel/lock_stat
		constructed "measured, round $round"
		[ "$(so_far)" != "$before" ] || break
	done
	head -n 4 /proc/lock_stat | while read -r line; do say "$line"; done
	for lock in $locks; do
		taken=$(acquisitions "$lock")
		say "$lock: taken $taken times in $((processes * 2)) forks and $processes execs"
		# somebody else may have made a process or a cgroup meanwhile
		[ "$taken" -lt 4 ] || fail "$lock was taken $taken times"
	done
	# The count must be one that can fail.
	taken=$(acquisitions '&mm->mmap_lock')
	say "&mm->mmap_lock: taken $taken times"
	[ "$taken" -ge $processes ] || fail "lock_stat does not count, or is read wrongly: mmap_lock $taken"
}

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# Caches with SLAB_VMALLOC when memory is short: in a cgroup with a limit and in the whole machine at once, up to the OOM
# killer. What is held stays what it was, and what is free goes back, with pressure and without.
description="objects of 16 KiB to 1 MiB held under a cgroup's limit and global pressure, OOM included; idle memory afterwards"
when=ci
limit=400
memory=1G
smp=4
modules="slab_area"
helpers="hog"
failures=expected # of allocations, and the OOM killer's reports

cgroup=/tmp/cgroup
caches="slab_area_16k slab_area_64k slab_area_256k slab_area_1m"

hold() { sh -c 'echo 1 >/proc/slab_area_hold' & }

slabs() { # of all caches: $slabs, idle ones too, $free, objects in sheaves and $reclaimed
	slabs=0 free=0 reclaimed=0
	for cache in $caches; do
		slabs=$((slabs + $(attr "$cache" slabs) + $(attr "$cache" slabs_idle)))
		free=$((free + $(attr "$cache" objects_cached)))
		reclaimed=$((reclaimed + $(attr "$cache" objects_reclaimed)))
	done
}

# What KASAN has in quarantine is in slabs, too.
sunreclaim() {
	for file in /sys/kernel/slab/*/shrink; do echo 1 >"$file"; done
	awk '$1 == "SUnreclaim:" { print $2 }' /proc/meminfo
}

guest() {
	mkdir $cgroup
	mount -t cgroup2 cgroup2 $cgroup
	echo +memory >$cgroup/cgroup.subtree_control || fail "no memory cgroups in this kernel"
	mkdir $cgroup/small
	echo 32M >$cgroup/small/memory.max
	echo 0 >/proc/sys/vm/oom_dump_tasks
	slab_kib_before=$(sunreclaim)
	insmod /modules/slab_area.ko hold_kib=65536 hold_seconds=20 || fail "insmod slab_area"

	# Two in a cgroup of half the size that they would like to have, two with the whole machine; and hogs.
	for i in 1 2; do
		sh -c "echo \$\$ >$cgroup/small/cgroup.procs && echo 1 >/proc/slab_area_hold" &
		hold
	done
	for i in 1 2 3; do
		sleep 4
		! hog 2000 || fail "there is more memory than that"
	done
	wait
	slabs
	say "after the load: $slabs slabs, $free free objects, $reclaimed reclaimed"

	# Idle memory goes without pressure, in two intervals, of two seconds each; a busy machine may be late.
	waited=0
	while slabs && [ "$slabs" != 0 ]; do
		[ $waited -lt 30 ] || fail "idle, and still there: $slabs slabs, $free free objects"
		sleep 1
		waited=$((waited + 1))
	done
	say "all idle slabs are gone after $waited s"
	# More than 64 MiB were held; others use some, too.
	slab_kib=$(sunreclaim)
	[ $((slab_kib - slab_kib_before)) -lt 16384 ] ||
		fail "SUnreclaim was $slab_kib_before KiB, and is $slab_kib KiB without any object"

	# And with it at once; if they are not gone by themselves before, on a machine that takes long to look.
	echo 1 >/sys/module/slab_area/parameters/hold_seconds
	for try in 1 2 3 4 5; do
		echo 1 >/proc/slab_area_hold
		slabs
		before=$slabs reclaimed_before=$reclaimed
		echo 2 >/proc/sys/vm/drop_caches
		slabs
		say "after another second of load, try $try: $before slabs; after drop_caches: $slabs, $free free objects"
		[ "$slabs" = 0 ] || sleep 1 # the work that asks other CPUs
		slabs
		[ "$slabs" -ge "$before" ] || [ "$reclaimed" = "$reclaimed_before" ] || break
	done
	[ "$slabs" -lt "$before" ] || fail "drop_caches freed no slab of $before"
	[ "$reclaimed" -gt "$reclaimed_before" ] || fail "objects_reclaimed counts nothing"

	rmdir $cgroup/small || fail "the cgroup is busy"
	rmmod slab_area || fail "rmmod slab_area"
}

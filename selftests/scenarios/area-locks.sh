# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# Objects that are freed on another CPU than they came from: no lock for each.
description="two CPUs free objects of 16 KiB that two others allocate: barn and list_lock acquisitions, by lock_stat"
when=ci
limit=300
smp=4
modules="slab_area"

# shellcheck source=selftests/scenarios/fork-locks.sh
. "$scenarios/fork-locks.sh"
description="two CPUs free objects of 16 KiB that two others allocate: barn and list_lock acquisitions, by lock_stat"
limit=300
modules="slab_area"

guest() {
	[ -w /proc/lock_stat ] || skip "no LOCK_STAT in this kernel"
	insmod /modules/slab_area.ko || fail "insmod slab_area"
	run=/sys/module/slab_area/parameters/run
	echo flow >$run || fail "flow"
	echo 1 >/proc/sys/kernel/lock_stat
	echo 0 >/proc/lock_stat
	echo flow >$run || fail "flow"
	echo 0 >/proc/sys/kernel/lock_stat
	freed=400000
	taken=0
	for lock in '&barn->lock' '&n->list_lock'; do
		n=$(acquisitions "$lock")
		say "$lock: taken $n times in $freed frees"
		taken=$((taken + n))
	done
	# 2000 for each 1000 / min(sheaf capacity, objects per slab), which is 15, and 10 % more
	[ $taken != 0 ] || fail "lock_stat does not count, or is read wrongly"
	[ $((taken * 1000 / freed)) -le 146 ] || fail "$taken acquisitions are more than 146 per 1000 frees"
	rmmod slab_area || fail "rmmod slab_area"
}

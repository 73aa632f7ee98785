# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# A CPU that goes leaves sheaves behind, full of constructed objects: they must be found again, and destructed later.
description="CPUs go down and come up while a module's constructed caches are used on all of them"
when=ci
limit=400
smp=4
modules="slab_sample"
seconds=60

set_cpu() { echo "$2" >"/sys/devices/system/cpu/cpu$1/online" || fail "cpu$1 online=$2"; }

guest() {
	[ -w /sys/devices/system/cpu/cpu1/online ] || skip "no CPU hotplug in this kernel"
	load 2
	round=0 end=$(($(date +%s) + seconds))
	while [ "$(date +%s)" -lt $end ]; do
		for cpu in 1 2 3; do
			set_cpu $cpu 0
			# now one CPU is down at a time, now up to three
			[ $((round % 2)) = 1 ] || set_cpu $cpu 1
		done
		[ $((round % 2)) = 0 ] || for cpu in 3 1 2; do set_cpu $cpu 1; done
		round=$((round + 1))
	done
	# Objects that went down with a CPU count as well.
	set_cpu 3 0
	check_sample_idle
	set_cpu 3 1
	check_sample_idle
	unload
}

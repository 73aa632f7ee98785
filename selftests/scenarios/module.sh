# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# Constructed caches whose code goes away: after unload nothing may call it, and nothing may be left. Also the charge
# of such objects: a cgroup whose processes and objects are gone must go too.
description="a module with constructed caches of its own, loaded, used and unloaded several times; leaks"
when=ci
limit=300
smp=2
append="kmemleak=on"
modules="slab_sample"

guest() {
	mkdir /tmp/cgroup
	mount -t cgroup2 cgroup2 /tmp/cgroup
	for seed in 11 12 13; do
		load $seed
		mkdir /tmp/cgroup/test
		(echo 0 >/tmp/cgroup/test/cgroup.procs && sample_set churn 1000) || fail "churn in a cgroup"
		sleep 1
		case $seed in
		11) # what idle caches hold is no leak
			check_sample_idle
			sample_set active 1
			sleep 2
			sample_set active 0
			check_leaks
			;;
		esac
		caches=$(sample_caches)
		unload # in use, but for the first
		for cache in $caches; do
			[ ! -e "/sys/kernel/slab/$cache" ] || fail "$cache outlives its module"
		done
		rmdir /tmp/cgroup/test || fail "the cgroup is busy"
	done
}

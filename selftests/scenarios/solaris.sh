# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# A port's module on the Solaris interfaces, with only <sys/...> includes: under load, while its statistics are read and
# its caches reaped, over several loads; nothing is left of it, and what it leaves on purpose is found.
description="a module as ported from Solaris, on caches, task queues, condition variables and kstats; leaks"
when=ci
limit=300
smp=4
append="kmemleak=on"
modules="solaris_client"

kstats=/proc/spl/kstat/solaris_client

run() { echo "$1" >/sys/module/solaris_client/parameters/run || fail "solaris_client: run $1"; }

named() { # NAME: of the statistics
	while read -r name _ value; do
		[ "$name" != "$1" ] || echo "$value"
	done <$kstats/stats
}

read_all() { # for as long as there is something to be read
	while [ -e $kstats/stats ]; do
		cat $kstats/stats $kstats/queue/io $kstats/nodes /proc/spl/kmem/slab /proc/sys/kernel/spl/kmem/* >/dev/null 2>&1
		echo 0 2>/dev/null >$kstats/stats
	done
}

guest() {
	[ -d /proc/spl ] || skip "this kernel has no CONFIG_SOLARIS_COMPAT"
	for seed in 21 22 23; do
		insmod /modules/solaris_client.ko seed=$seed || fail "insmod solaris_client seed=$seed"
		[ -e $kstats/stats ] || fail "no $kstats/stats"
		read_all &
		reader=$!
		run 500 &
		run 500
		wait $!
		[ "$(named submitted)" = 1000 ] || fail "1000 nodes, but: $(cat $kstats/stats)"
		grep -q '^solaris_client_node ' /proc/spl/kmem/slab || fail "no such cache: $(cat /proc/spl/kmem/slab)"
		[ -d /sys/kernel/slab/solaris_client_node ] || fail "no /sys/kernel/slab/solaris_client_node"
		[ $seed != 21 ] || check_leaks
		rmmod solaris_client || fail "rmmod solaris_client"
		wait $reader
		[ ! -e $kstats ] || fail "$kstats outlives its module"
		[ ! -e /sys/kernel/slab/solaris_client_node ] || fail "a cache outlives its module"
	done
	used=/proc/sys/kernel/spl/kmem/kmem_used
	[ -e $used ] || return 0
	[ "$(cat $used)" = 0 ] || fail "$(cat $used) bytes of kmem_alloc() are left"
	check_leaks
	insmod /modules/solaris_client.ko leak=1 || fail "insmod solaris_client leak=1"
	rmmod solaris_client || fail "rmmod solaris_client"
	dmesg | grep -q 'leak of 4242 bytes at .*solaris_client' || fail "a leak is not reported"
	dmesg | grep -q 'cache solaris_client_left was not destroyed by module solaris_client' || fail "a cache that is left is not reported"
	# Nobody calls its functions, which are gone.
	echo 2 >/proc/sys/vm/drop_caches
	sleep 2
	grep -q '^solaris_client_left ' /proc/spl/kmem/slab || fail "no solaris_client_left: $(cat /proc/spl/kmem/slab)"
	# Nor is who comes next, perhaps to the same place, said to have left it.
	insmod /modules/solaris_client.ko || fail "insmod solaris_client after the leak"
	rmmod solaris_client || fail "rmmod solaris_client after the leak"
	[ "$(dmesg | grep -c 'was not destroyed by module\|leak of 4242 bytes at')" = 2 ] ||
		fail "leaks are reported again: $(dmesg | grep 'was not destroyed by module\|leak of 4242 bytes at')"
}

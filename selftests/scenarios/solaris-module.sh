# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# CONFIG_SOLARIS_COMPAT=m comes and goes, with a module that uses it and while its files are held open; nothing is left.
description="compat/solaris as a module: loaded, used and unloaded, three times, with files of it open"
when=own
limit=300
smp=4
append="kmemleak=on"
modules="solaris_client"
kernel_modules="compat/solaris/solaris_compat"

run() { echo "$1" >/sys/module/solaris_client/parameters/run || fail "solaris_client: run $1"; }

guest() {
	[ ! -e /proc/spl ] || fail "/proc/spl is there before the module"
	for seed in 31 32 33; do
		insmod /modules/solaris_compat.ko || fail "insmod solaris_compat"
		insmod /modules/solaris_client.ko seed=$seed || fail "insmod solaris_client seed=$seed"
		! rmmod solaris_compat 2>/dev/null || fail "solaris_compat goes while it is used"
		run 500 &
		run 500
		wait $!
		exec 3</proc/spl/kstat/solaris_client/stats 4</proc/spl/kmem/slab 5</proc/sys/kernel/spl/kmem/slab_kmem_total
		read -r _ <&3 || fail "kstat: nothing to be read"
		rmmod solaris_client || fail "rmmod solaris_client"
		rmmod solaris_compat || fail "rmmod solaris_compat"
		# What was open is of no use any more, and does no harm.
		cat <&3 >/dev/null 2>&1
		cat <&4 >/dev/null 2>&1
		cat <&5 >/dev/null 2>&1
		exec 3<&- 4<&- 5<&-
		for left in /proc/spl /proc/sys/kernel/spl /sys/module/solaris_compat /sys/kernel/slab/solaris_client_node; do
			[ ! -e $left ] || fail "$left is left"
		done
		! grep -q 'solaris\|taskq' /proc/slabinfo || fail "a cache is left: $(grep 'solaris\|taskq' /proc/slabinfo)"
	done
	check_leaks
}

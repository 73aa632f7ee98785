# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# A node gets its first memory and loses its last, while constructed caches are used. Before it goes, all caches are
# flushed and shrunk under slab_mutex, where no destructor may run: what was empty must be destructed later. A node that
# comes needs its lists, and then has slabs of its own; these keep the kernel from taking it down again.
description="the memory of a node comes and goes while a module's constructed caches are used"
when=full
limit=400
smp=4,sockets=2
memory=768M,slots=1,maxmem=2G
qemu="-object memory-backend-ram,id=base,size=768M -object memory-backend-ram,id=dimm,size=256M
	-numa node,nodeid=0,cpus=0-1,memdev=base -numa node,nodeid=1,cpus=2-3 -device pc-dimm,memdev=dimm,node=1"
append="memhp_default_state=offline"
modules="slab_sample"

nodes=/sys/devices/system/node

has_memory() { grep -q 1 $nodes/has_memory; }
# What a write of online_* or offline to all of node 1's memory comes to
memory() {
	for block in "$nodes"/node1/memory[0-9]*; do
		[ "$(cat "$block/state")" = "$1" ] || echo "$1" >"$block/state" || return 1
	done
}
come_and_go() {
	memory online_movable || fail "the memory of node 1 does not come"
	has_memory || fail "node 1 has no memory"
	sleep 1
	memory offline || fail "the movable memory of node 1 does not go"
	! has_memory || fail "node 1 still has memory"
}

guest() {
	[ -e $nodes/node1/memory32 ] || skip "no memory hotplug in this kernel, or in this qemu"
	! has_memory || fail "node 1 has memory from the start"
	load 51
	for _ in 1 2 3 4 5 6; do
		come_and_go
	done

	# What is free, in sheaves and on lists, while the node goes
	sample_set active 0
	come_and_go
	check_sample_idle

	# For the kernel this time
	memory online_kernel || fail "the memory of node 1 does not come for the kernel"
	sample_set active 1
	sleep 10
	grep -q N1= /sys/kernel/slab/slab_sample_counter/slabs || fail "no slabs on node 1"
	! memory offline || fail "memory that has slabs went"
	sample_set active 0
	check_sample_idle
	unload
}

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# The kernel's own tests of what mm_struct keeps: mm_cid (rseq, membarrier), counters and mappings (mm), charges (cgroup).
# What they say is only printed; scripts/test --full compares it with what they say on the base.
description="the kernel's own selftests of rseq, membarrier, memory cgroups and mm; to be compared with the base"
when=full
limit=3600
smp=2 # no more than the host has: on more, threads that spin for a lock take the time of who holds it
disk=512
packages="f2fs-tools"
failures=expected # the tests have tasks killed for want of memory
kselftests="rseq/basic_test rseq/param_test_mm_cid
	membarrier/membarrier_test_single_thread membarrier/membarrier_test_multi_thread
	cgroup/test_core cgroup/test_kmem cgroup/test_memcontrol
	mm/mremap_dontunmap mm/map_populate mm/map_fixed_noreplace mm/madv_populate"

prepare() { mkfs.f2fs -q "$1"; }
check() { true; } # a place for files, nothing else

run_kselftest() { # COMMAND
	status=0
	# shellcheck disable=SC2086 # arguments
	timeout 600 $1 >/tmp/out 2>&1 || status=$?
	grep -E '^ *(not )?ok ' /tmp/out | while read -r line; do say "result $1: $line"; done
	say "result $1: status $status"
}

guest() {
	mkdir -p /tmp/cgroup /tmp/disk
	chmod 755 / /tmp
	mount -t cgroup2 cgroup2 /tmp/cgroup
	# Page cache that can be reclaimed
	mount -t f2fs /dev/vda /tmp/disk || fail "no disk"
	cd /tmp/disk || fail "no disk"
	for test in $kselftests; do
		case $test in
		*/param_test*) # as the kernel's run_param_test.sh has it; glibc is not to register rseq first
			for what in s l b "b -M" m "m -M" i; do
				(export GLIBC_TUNABLES=glibc.pthread.rseq=0 && run_kselftest "$(basename "$test") -t 24 -r 1000 -T $what")
			done
			;;
		*) run_kselftest "$(basename "$test")" ;;
		esac
	done
}

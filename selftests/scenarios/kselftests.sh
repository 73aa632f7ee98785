# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# The kernel's own tests of what mm_struct keeps: mm_cid (rseq, membarrier), counters and mappings (mm), charges (cgroup).
# What they say is only printed; scripts/test --full compares it with what they say on the base.
description="the kernel's own selftests of rseq, membarrier, memory cgroups and mm; to be compared with the base"
when=full
limit=900
smp=4
kselftests="rseq/basic_test rseq/basic_percpu_ops_test rseq/basic_percpu_ops_mm_cid_test
	membarrier/membarrier_test_single_thread membarrier/membarrier_test_multi_thread membarrier/membarrier_rseq_stress
	cgroup/test_core cgroup/test_kmem cgroup/test_memcontrol
	mm/mremap_dontunmap mm/map_populate mm/map_fixed_noreplace mm/madv_populate"

guest() {
	mkdir -p /tmp/cgroup
	mount -t cgroup2 cgroup2 /tmp/cgroup
	cd /tmp || fail "no /tmp"
	for test in $kselftests; do
		name=$(basename "$test")
		status=0
		timeout 120 "$name" >/tmp/out 2>&1 || status=$?
		grep -E '^ *(not )?ok ' /tmp/out | while read -r line; do say "result $name: $line"; done
		say "result $name: status $status"
	done
}

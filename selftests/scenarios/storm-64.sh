# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# The same with more CPUs than nodes keep sheaves for, and more processes at a time than memory.
# shellcheck source=selftests/scenarios/storm.sh
. "$scenarios/storm.sh"
description="the storm with 64 CPUs"
when=full
limit=5400
smp=64
count=6 warm=2 # a quarter of the processes have 128 threads each
# One thread of the host for all: with more, who holds a lock waits for it while the others spin.
qemu="-accel tcg,thread=single"
append="rcupdate.rcu_cpu_stall_suppress=1 sysctl.kernel.hung_task_timeout_secs=0" # they do wait long

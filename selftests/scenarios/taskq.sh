# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# Task queues where time, memory and other CPUs matter; what the tests of KUnit cannot do one after the other.
description="task queues: cancelling against timers, failing allocations, CPU hotplug, and their lock beside a workqueue's"
when=ci
limit=900
smp=4
modules="taskq_stress"
failures=expected # of allocations

count=50000

run() { echo "$1" >/sys/module/taskq_stress/parameters/run || fail "taskq_stress: $1"; }

churn_with_hotplug() {
	run churn &
	while kill -0 $! 2>/dev/null; do
		for cpu in 1 2 3; do
			echo 0 >/sys/devices/system/cpu/cpu$cpu/online || fail "cpu$cpu does not go"
		done
		for cpu in 3 1 2; do
			echo 1 >/sys/devices/system/cpu/cpu$cpu/online || fail "cpu$cpu does not come"
		done
	done
	wait $! || fail "churn"
}

in_ns() { echo $((${1%.*} * 1000 + (1${1#*.} - 100) * 10)); } # of microseconds with two decimals

# lock_ns LOCK: nanoseconds that it was waited for and held, in all of its classes
lock_ns() {
	ns=0
	while read -r name rest; do
		case $name in
		"$1:" | "$1"/*:)
			# contentions and waits come first: the total is the 5th; that of holds the 11th
			# shellcheck disable=SC2086
			set -- "$1" $rest
			ns=$((ns + $(in_ns "$6") + $(in_ns "${12}")))
			;;
		esac
	done </proc/lock_stat
	echo $ns
}

measure() { # COMMAND LOCK
	echo 1 >/proc/sys/kernel/lock_stat
	echo 0 >/proc/lock_stat
	run "$1"
	echo 0 >/proc/sys/kernel/lock_stat
	ns=$(lock_ns "$2")
	[ "$ns" -gt 0 ] || fail "lock_stat does not count, or is read wrongly"
	per_task=$((ns / 131072))
	say "$1: $2 waited for and held $per_task ns for a task"
}

guest() {
	insmod /modules/taskq_stress.ko count=$count || fail "insmod taskq_stress"
	run cancel
	if [ -e /sys/kernel/debug/failslab ] && [ -e /sys/kernel/debug/fail_page_alloc ]; then
		set_fault failslab 100
		set_fault fail_page_alloc 100
		run memory
		set_fault failslab 0
		set_fault fail_page_alloc 0
	else
		say "no FAILSLAB or FAIL_PAGE_ALLOC in this kernel"
	fi
	[ ! -w /sys/devices/system/cpu/cpu1/online ] || churn_with_hotplug
	if [ -w /proc/lock_stat ]; then
		measure workqueue '&pool->lock'
		workqueue=$per_task
		for threads in 4 100; do
			echo $threads >/sys/module/taskq_stress/parameters/threads
			measure taskq '&tq->tq_lock'
			[ "$per_task" -le "$workqueue" ] || say "NOTE: more than the workqueue's $workqueue ns"
		done
	fi
	rmmod taskq_stress || fail "rmmod taskq_stress"
}

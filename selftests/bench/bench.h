/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the modules of scripts/bench share. Define pr_fmt() first.
 *
 * Loading such a module runs its cases and prints one line for each,
 *
 *	MODULE: NAME COST
 *
 * COST is per operation. The unit is what now() counts: ticks of the TSC on x86-64, which
 * under "-icount shift=0" are instructions, and nanoseconds elsewhere.
 */
#ifndef BENCH_H
#define BENCH_H

#include <linux/math64.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

static char *cases[16];
static unsigned int nr_cases;
module_param_array(cases, charp, &nr_cases, 0);
MODULE_PARM_DESC(cases, "beginnings of the names of the cases to run; all by default");

static inline u64 now(void)
{
#if defined(CONFIG_X86_64) && !defined(CONFIG_UML)
	return rdtsc_ordered();
#else
	return ktime_get_ns();
#endif
}

static bool wanted(const char *name)
{
	for (unsigned int i = 0; i < nr_cases; i++)
		if (strstarts(name, cases[i]))
			return true;
	return !nr_cases;
}

/* U64_MAX is what a case costs that failed. */
static int print_cost(const char *name, u64 cost, unsigned int ops)
{
	if (cost == U64_MAX) {
		pr_err("FAIL %s\n", name);
		return -ENOMEM;
	}
	cost = div_u64(cost * 10, ops);
	pr_info("%s %llu.%llu\n", name, cost / 10, cost % 10);
	return 0;
}

#endif

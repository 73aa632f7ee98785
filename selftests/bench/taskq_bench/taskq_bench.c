// SPDX-License-Identifier: GPL-2.0
/*
 * What the operations of Solaris task queues cost, for scripts/bench (see bench.h), and
 * (wq_NAME) what the kernel's workqueue takes for the same: the median of several rounds.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/workqueue.h>

#include <sys/taskq.h>

#include "../bench.h"

static unsigned int rounds = 21;
module_param(rounds, uint, 0);
MODULE_PARM_DESC(rounds, "rounds, of which the median is taken");

#define BURST		1000
#define MAX_ROUNDS	101
#define MAX_PENDING	10000

struct bench {
	const char *name;
	u64 (*round)(const struct bench *b);	/* U64_MAX when it failed */
	unsigned int n;				/* threads, or pending tasks */
	unsigned int ops;
};

static taskq_t *tq;
static struct workqueue_struct *wq;
static taskq_ent_t ents[BURST];
static struct work_struct works[BURST];
static taskqid_t ids[MAX_PENDING];
static atomic_t ran;
static DECLARE_COMPLETION(all_ran);

static void count_task(void *arg)
{
	if (atomic_inc_return(&ran) == (long)arg)
		complete(&all_ran);
}

static void count_work(struct work_struct *work)
{
	if (atomic_inc_return(&ran) == BURST)
		complete(&all_ran);
}

/* What is counted is until the last one ran, and its waiter was woken. */

static u64 burst(const struct bench *b)
{
	u64 t;

	atomic_set(&ran, 0);
	t = now();
	for (unsigned int i = 0; i < BURST; i++)
		if (!taskq_dispatch(tq, count_task, (void *)BURST, TQ_SLEEP))
			return U64_MAX;
	wait_for_completion(&all_ran);
	t = now() - t;
	taskq_wait(tq);
	return t;
}

static u64 burst_ent(const struct bench *b)
{
	u64 t;

	atomic_set(&ran, 0);
	t = now();
	for (unsigned int i = 0; i < BURST; i++)
		taskq_dispatch_ent(tq, count_task, (void *)BURST, 0, &ents[i]);
	wait_for_completion(&all_ran);
	t = now() - t;
	taskq_wait(tq);
	return t;
}

static u64 wq_burst(const struct bench *b)
{
	u64 t;

	atomic_set(&ran, 0);
	t = now();
	for (unsigned int i = 0; i < BURST; i++)
		queue_work(wq, &works[i]);
	wait_for_completion(&all_ran);
	t = now() - t;
	flush_workqueue(wq);
	return t;
}

static void no_task(void *arg)
{
}

static u64 round_trip(const struct bench *b)
{
	u64 t = now();

	for (unsigned int i = 0; i < b->ops; i++)
		taskq_wait_id(tq, taskq_dispatch(tq, no_task, NULL, TQ_SLEEP));
	return now() - t;
}

static u64 wq_round_trip(const struct bench *b)
{
	u64 t;

	t = now();
	for (unsigned int i = 0; i < b->ops; i++) {
		queue_work(wq, &works[0]);
		flush_work(&works[0]);
	}
	return now() - t;
}

/* The same without flush_work(), which adds a work item of its own */
static void done_work(struct work_struct *work)
{
	complete(&all_ran);
}

static struct work_struct done;

static u64 wq_round_trip_completion(const struct bench *b)
{
	u64 t;

	t = now();
	for (unsigned int i = 0; i < b->ops; i++) {
		queue_work(wq, &done);
		wait_for_completion(&all_ran);
	}
	return now() - t;
}

static DECLARE_COMPLETION(gate);

static void wait_at_gate(void *arg)
{
	wait_for_completion(&gate);
}

/* One runs, @n are in line; those in the middle are cancelled. */
static u64 cancel(const struct bench *b)
{
	unsigned int ops = min(b->n, 100U);
	unsigned int first = (b->n - ops) / 2;
	u64 t;

	taskq_dispatch(tq, wait_at_gate, NULL, TQ_SLEEP);
	msleep(20);
	for (unsigned int i = 0; i < b->n; i++)
		ids[i] = taskq_dispatch(tq, no_task, NULL, TQ_SLEEP);
	t = now();
	for (unsigned int i = 0; i < ops; i++)
		if (taskq_cancel_id(tq, ids[first + i], B_FALSE))
			return U64_MAX;
	t = now() - t;
	complete(&gate);
	taskq_wait(tq);
	return t * 100 / ops;
}

static u64 create_destroy(const struct bench *b)
{
	u64 t = now();
	taskq_t *q = taskq_create("taskq_bench2", 1, defclsyspri, 1, INT_MAX, 0);

	if (!q)
		return U64_MAX;
	taskq_destroy(q);
	return now() - t;
}

static u64 wq_create_destroy(const struct bench *b)
{
	u64 t = now();
	struct workqueue_struct *q = alloc_ordered_workqueue("taskq_bench2", WQ_MEM_RECLAIM);

	if (!q)
		return U64_MAX;
	destroy_workqueue(q);
	return now() - t;
}

static u64 ent_size(const struct bench *b)
{
	return sizeof(taskq_ent_t);
}

static const struct bench benches[] = {
	{ "taskq_burst_1", burst, 1, BURST },
	{ "taskq_burst_ent_1", burst_ent, 1, BURST },
	{ "taskq_burst_8", burst, 8, BURST },
	{ "taskq_burst_32", burst, 32, BURST },
	{ "taskq_burst_128", burst, 128, BURST },
	{ "taskq_burst_ent_8", burst_ent, 8, BURST },
	{ "taskq_burst_ent_32", burst_ent, 32, BURST },
	{ "taskq_burst_ent_128", burst_ent, 128, BURST },
	{ "wq_burst", wq_burst, 0, BURST },
	{ "taskq_round_trip", round_trip, 1, 100 },
	{ "taskq_round_trip_8", round_trip, 8, 100 },
	{ "wq_round_trip", wq_round_trip, 0, 100 },
	{ "wq_round_trip_completion", wq_round_trip_completion, 0, 100 },
	{ "taskq_cancel_1", cancel, 1, 100 },
	{ "taskq_cancel_1000", cancel, 1000, 100 },
	{ "taskq_cancel_10000", cancel, 10000, 100 },
	{ "taskq_create_destroy_1", create_destroy, 0, 1 },
	{ "wq_create_destroy", wq_create_destroy, 0, 1 },
	{ "taskq_ent_size", ent_size, 0, 1 },
};

static int compare(const void *a, const void *b)
{
	return *(const u64 *)a < *(const u64 *)b ? -1 : *(const u64 *)a > *(const u64 *)b;
}

static int run(const struct bench *b)
{
	static u64 costs[MAX_ROUNDS];

	if (b->round == cancel)
		tq = taskq_create("taskq_bench", 1, defclsyspri, 1, INT_MAX, 0);
	else if (b->n)
		tq = taskq_create("taskq_bench", b->n, defclsyspri, 1, INT_MAX, 0);
	if (b->n && !tq)
		return -ENOMEM;
	msleep(20);
	for (unsigned int i = 0; i < rounds; i++) {
		costs[i] = b->round(b);
		if (costs[i] == U64_MAX)
			return print_cost(b->name, U64_MAX, 1);
		cond_resched();
	}
	sort(costs, rounds, sizeof(costs[0]), compare, NULL);
	if (b->n)
		taskq_destroy(tq);
	return print_cost(b->name, costs[rounds / 2], b->ops);
}

static int __init taskq_bench_init(void)
{
	int err = 0;

	rounds = clamp(rounds, 1U, (unsigned int)MAX_ROUNDS);
	wq = alloc_workqueue("taskq_bench", WQ_UNBOUND, 0);
	if (!wq)
		return -ENOMEM;
	INIT_WORK(&done, done_work);
	for (unsigned int i = 0; i < BURST; i++) {
		INIT_WORK(&works[i], count_work);
		taskq_init_ent(&ents[i]);
	}
	for (unsigned int i = 0; !err && i < ARRAY_SIZE(benches); i++)
		if (wanted(benches[i].name))
			err = run(&benches[i]);
	destroy_workqueue(wq);
	return err;
}
module_init(taskq_bench_init);

static void __exit taskq_bench_exit(void)
{
}
module_exit(taskq_bench_exit);

MODULE_DESCRIPTION("Cost of the operations of Solaris task queues");
MODULE_LICENSE("GPL");

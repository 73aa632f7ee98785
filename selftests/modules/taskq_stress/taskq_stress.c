// SPDX-License-Identifier: GPL-2.0
/*
 * Solaris task queues where time and other CPUs matter, for the boot scenarios.
 *
 * What to do is written to the parameter "run":
 *
 *	cancel		cancel delayed tasks about when their timers expire, @count in all
 *	memory		tasks get on while every allocation fails, of objects and of pages,
 *			which the scenario sees to (failslab and fail_page_alloc with
 *			task-filter)
 *	churn		for @seconds, all CPUs dispatch to queues that grow, shrink and follow
 *			CPUs, suspend and resume them
 *	taskq, workqueue
 *			@dispatchers threads dispatch @tasks tasks in all to a task queue with
 *			@threads threads, and to an unbound workqueue; for lock_stat
 *
 * What is wrong is reported as "taskq_stress: FAIL ...".
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include <sys/taskq.h>

static unsigned int count = 50000;
module_param(count, uint, 0644);
MODULE_PARM_DESC(count, "delayed tasks to cancel");

static unsigned int seconds = 10;
module_param(seconds, uint, 0644);
MODULE_PARM_DESC(seconds, "how long to churn");

static unsigned int dispatchers = 100;
module_param(dispatchers, uint, 0644);
MODULE_PARM_DESC(dispatchers, "threads that dispatch");

static unsigned int tasks = 131072;
module_param(tasks, uint, 0644);
MODULE_PARM_DESC(tasks, "tasks that they dispatch in all");

static unsigned int threads = 4;
module_param(threads, uint, 0644);
MODULE_PARM_DESC(threads, "threads of the queue");

static unsigned int seed = 1;
module_param(seed, uint, 0644);
MODULE_PARM_DESC(seed, "what the choice of operations starts from");

static atomic_t failures = ATOMIC_INIT(0);

/* Reports the first few; one mistake makes many. */
#define FAIL(fmt, ...) do {						\
	if (atomic_inc_return(&failures) <= 10)				\
		pr_err("FAIL " fmt "\n", ##__VA_ARGS__);		\
} while (0)

/* Threads of the module's own */

struct worker {
	void			(*work)(struct worker *w);
	unsigned int		nr;
	struct rnd_state	rnd;
	struct completion	done;
	taskq_t			*tq;
	struct workqueue_struct	*wq;
};

static int worker_thread(void *data)
{
	struct worker *w = data;

	w->work(w);
	kthread_complete_and_exit(&w->done, 0);
}

/* On each CPU in turn */
static int run_workers(unsigned int n, void (*work)(struct worker *w), taskq_t *tq,
		       struct workqueue_struct *wq)
{
	struct worker *workers = kvzalloc_objs(*workers, n);
	unsigned int started;
	int cpu = -1;

	if (!workers)
		return -ENOMEM;
	for (started = 0; started < n; started++) {
		struct worker *w = &workers[started];
		struct task_struct *thread;

		w->work = work;
		w->nr = started;
		w->tq = tq;
		w->wq = wq;
		prandom_seed_state(&w->rnd, seed + started);
		init_completion(&w->done);
		thread = kthread_create(worker_thread, w, "taskq_stress/%u", started);
		if (IS_ERR(thread))
			break;
		cpu = cpumask_next_wrap(cpu, cpu_online_mask);
		set_cpus_allowed_ptr(thread, cpumask_of(cpu));
		wake_up_process(thread);
	}
	for (unsigned int i = 0; i < started; i++)
		/* A million takes long, and is no hung task. */
		while (!wait_for_completion_timeout(&workers[i].done, 60 * HZ))
			;
	kvfree(workers);
	return started == n ? 0 : -ENOMEM;
}

/* Cancelling */

#define ARMED	16	/* tasks that one worker has at a time */

struct armed {
	taskqid_t	id;
	atomic_t	runs;
};

static atomic_t cancelled, busy, ran;

static void count_run(void *arg)
{
	atomic_inc(&((struct armed *)arg)->runs);
}

/*
 * The timers expire at the next tick, or at this one.  Some of the time until then is
 * spent, so that cancelling meets them before, while and after they expire.  What was
 * cancelled is freed at once: whoever still runs it is found by KASAN.
 */
static void cancel_one(struct worker *w, struct armed *a)
{
	bool wait = prandom_u32_state(&w->rnd) % 2;
	int ret = taskq_cancel_id(w->tq, a->id, wait ? B_TRUE : B_FALSE);

	switch (ret) {
	case 0:
		atomic_inc(&cancelled);
		if (atomic_read(&a->runs))
			FAIL("cancelled, and it ran");
		break;
	case EBUSY:
		atomic_inc(&busy);
		if (wait)
			FAIL("busy after waiting");
		taskq_wait_id(w->tq, a->id);
		fallthrough;
	case ENOENT:
		atomic_inc(&ran);
		if (atomic_read(&a->runs) != 1)
			FAIL("not cancelled, and it ran %d times", atomic_read(&a->runs));
		break;
	default:
		FAIL("cancelling returned %d", ret);
	}
	kfree(a);
}

static void cancel_against_timers(struct worker *w)
{
	unsigned int rounds = count / num_online_cpus() / ARMED + 1;

	while (rounds--) {
		struct armed *armed[ARMED];
		unsigned long delay = prandom_u32_state(&w->rnd) % 3;

		for (unsigned int i = 0; i < ARMED; i++) {
			armed[i] = kzalloc_obj(*armed[i], GFP_KERNEL | __GFP_NOFAIL);
			armed[i]->id = taskq_dispatch_delay(w->tq, count_run, armed[i], TQ_SLEEP,
							    jiffies + delay);
		}
		udelay(prandom_u32_state(&w->rnd) % (jiffies_to_usecs(delay) + 100));
		for (unsigned int i = 0; i < ARMED; i++)
			cancel_one(w, armed[i]);
	}
}

static int cancel(void)
{
	taskq_t *tq = taskq_create("stress_cancel", 4, defclsyspri, 16, INT_MAX,
				   TASKQ_PREPOPULATE);
	int err;

	if (!tq)
		return -ENOMEM;
	atomic_set(&cancelled, 0);
	atomic_set(&busy, 0);
	atomic_set(&ran, 0);
	err = run_workers(num_online_cpus(), cancel_against_timers, tq, NULL);
	taskq_destroy(tq);
	pr_info("cancel: %d cancelled, %d ran, of them %d when it was tried\n",
		atomic_read(&cancelled), atomic_read(&ran), atomic_read(&busy));
	if (!atomic_read(&cancelled) || !atomic_read(&ran))
		FAIL("all timers expired early, or all late: that proves nothing");
	return err;
}

/* Memory */

#ifdef CONFIG_FAULT_INJECTION
#define set_failing(on)		(current->make_it_fail = (on))
#else
#define set_failing(on)		do { } while (0)
#endif

static bool allocations_fail(void)
{
	void *p = kmalloc(64, GFP_KERNEL | __GFP_NOWARN);
	struct page *page = alloc_page(GFP_KERNEL | __GFP_NOWARN);

	kfree(p);
	if (page)
		__free_page(page);
	return !p && !page;
}

struct chain {
	taskq_t		*tq;
	unsigned int	left, own_left;
	unsigned int	refused;
	taskq_ent_t	ent;
	struct completion done;
};

/* A write-out that goes on with its own entry */
static void chain_with_ent(void *arg)
{
	struct chain *c = arg;

	set_failing(true);
	if (!allocations_fail())
		FAIL("an allocation succeeded: that proves nothing");
	if (--c->left)
		taskq_dispatch_ent(c->tq, chain_with_ent, c, 0, &c->ent);
	else
		complete(&c->done);
	set_failing(false);
}

/* The same with entries of the reserve; each link waits for one, if there is none. */
static void chain_with_reserve(void *arg)
{
	struct chain *c = arg;

	set_failing(true);
	if (--c->own_left) {
		if (!taskq_dispatch(c->tq, chain_with_reserve, c, TQ_SLEEP))
			c->refused++;
	} else {
		complete(&c->done);
	}
	set_failing(false);
}

static void nothing(void *arg)
{
}

static void memory_chains(taskq_t *tq)
{
	struct chain c = { .tq = tq, .left = 10000, .own_left = 10000 };

	taskq_init_ent(&c.ent);
	init_completion(&c.done);
	set_failing(true);
	taskq_dispatch_ent(tq, chain_with_ent, &c, 0, &c.ent);
	if (!wait_for_completion_timeout(&c.done, 120 * HZ))
		FAIL("prealloc entries do not get on: %u left", c.left);
	reinit_completion(&c.done);
	if (!taskq_dispatch(tq, chain_with_reserve, &c, TQ_SLEEP))
		FAIL("TQ_SLEEP failed");
	if (!wait_for_completion_timeout(&c.done, 120 * HZ))
		FAIL("the reserve does not get on: %u left", c.own_left);
	if (c.refused)
		FAIL("TQ_SLEEP failed %u times", c.refused);
	set_failing(false);
	taskq_wait(tq);
}

/* More at a time than there are in reserve: TQ_SLEEP waits, TQ_NOSLEEP fails. */
static void memory_beyond_reserve(taskq_t *tq)
{
	unsigned int slept = 0, failed = 0;

	set_failing(true);
	for (unsigned int i = 0; i < 1000; i++) {
		slept += !!taskq_dispatch(tq, nothing, NULL, TQ_SLEEP);
		failed += !taskq_dispatch(tq, nothing, NULL, TQ_NOSLEEP);
	}
	set_failing(false);
	taskq_wait(tq);
	if (slept != 1000)
		FAIL("TQ_SLEEP failed %u times", 1000 - slept);
	pr_info("memory: TQ_NOSLEEP failed %u times of 1000\n", failed);
}

static int memory(void)
{
	static const struct {
		const char *name;
		int threads;
		uint_t flags;
	} kinds[] = {
		{ "stress_prealloc", 1, TASKQ_PREPOPULATE },
		{ "stress_noreclaim", 1, TASKQ_PREPOPULATE | TASKQ_NORECLAIM },
		{ "stress_dynamic", 4, TASKQ_PREPOPULATE | TASKQ_DYNAMIC },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		taskq_t *tq = taskq_create(kinds[i].name, kinds[i].threads, defclsyspri, 2, INT_MAX,
					   kinds[i].flags);

		if (!tq)
			return -ENOMEM;
		memory_chains(tq);
		memory_beyond_reserve(tq);
		taskq_destroy(tq);
		pr_info("memory: %s done\n", kinds[i].name);
	}
	return 0;
}

/* Churn */

static atomic_t churned;
static unsigned long churn_end;

static void churn_task(void *arg)
{
	unsigned long what = (unsigned long)arg;

	if (what % 7 == 0)
		usleep_range(10, 200);
	if (what % 11 == 0)
		udelay(20);
	atomic_inc(&churned);
}

static void churn_one(struct worker *w, unsigned int *sent)
{
	u32 r = prandom_u32_state(&w->rnd);
	void *arg = (void *)(unsigned long)(r >> 8);
	taskqid_t id = 0;

	switch (r % 10) {
	case 0:
		id = taskq_dispatch_delay(w->tq, churn_task, arg, TQ_SLEEP, jiffies + r / 256 % 3);
		break;
	case 1:
		id = taskq_dispatch(w->tq, churn_task, arg, TQ_NOQUEUE);
		break;
	case 2:
		id = taskq_dispatch(w->tq, churn_task, arg, TQ_NOSLEEP | TQ_FRONT);
		break;
	default:
		id = taskq_dispatch(w->tq, churn_task, arg, TQ_SLEEP);
	}
	*sent += !!id;
	if (r >> 12 & 1 && id && !taskq_cancel_id(w->tq, id, r >> 13 & 1 ? B_TRUE : B_FALSE))
		(*sent)--;
	switch (r >> 16 & 31) {
	case 0:
		taskq_wait_id(w->tq, id);
		break;
	case 1:
		taskq_wait_outstanding(w->tq, id);
		break;
	case 2:
		usleep_range(100, 2000);
		break;
	case 3:
		if (w->nr)
			break;
		taskq_suspend(w->tq);
		taskq_resume(w->tq);
		break;
	}
}

static atomic_t churn_sent;

static void churn_work(struct worker *w)
{
	unsigned int sent = 0;

	while (time_before(jiffies, churn_end)) {
		churn_one(w, &sent);
		cond_resched();
	}
	atomic_add(sent, &churn_sent);
}

static int churn(void)
{
	static const struct {
		int threads;
		uint_t flags;
	} kinds[] = {
		{ 100, TASKQ_THREADS_CPU_PCT },
		{ 200, TASKQ_THREADS_CPU_PCT | TASKQ_DYNAMIC | TASKQ_PREPOPULATE },
		{ 16, TASKQ_DYNAMIC },
		{ 3, 0 },
	};
	int err = 0;

	for (unsigned int i = 0; !err && i < ARRAY_SIZE(kinds); i++) {
		taskq_t *tq = taskq_create("stress_churn", kinds[i].threads, defclsyspri, 4, 1000,
					   kinds[i].flags);

		if (!tq)
			return -ENOMEM;
		atomic_set(&churned, 0);
		atomic_set(&churn_sent, 0);
		churn_end = jiffies + seconds * HZ / ARRAY_SIZE(kinds);
		err = run_workers(2 * num_online_cpus(), churn_work, tq, NULL);
		taskq_destroy(tq);
		pr_info("churn: %d tasks\n", atomic_read(&churned));
		if (atomic_read(&churned) != atomic_read(&churn_sent))
			FAIL("%d dispatched and not cancelled, %d ran", atomic_read(&churn_sent),
			     atomic_read(&churned));
	}
	return err;
}

/* Locks */

static atomic_t done;

static void count_task(void *arg)
{
	atomic_inc(&done);
}

static void count_work(struct work_struct *work)
{
	atomic_inc(&done);
}

static void taskq_dispatcher(struct worker *w)
{
	for (unsigned int i = 0; i < tasks / dispatchers; i++)
		taskq_dispatch(w->tq, count_task, NULL, TQ_SLEEP);
}

static struct work_struct *works;

static void wq_dispatcher(struct worker *w)
{
	unsigned int n = tasks / dispatchers;

	for (unsigned int i = 0; i < n; i++)
		queue_work(w->wq, &works[w->nr * n + i]);
}

static int with_taskq(void)
{
	taskq_t *tq = taskq_create("stress_locks", threads, defclsyspri, 1, INT_MAX, 0);
	int err;

	if (!tq)
		return -ENOMEM;
	atomic_set(&done, 0);
	err = run_workers(dispatchers, taskq_dispatcher, tq, NULL);
	taskq_wait(tq);
	taskq_destroy(tq);
	pr_info("taskq: %d tasks\n", atomic_read(&done));
	return err;
}

static int with_workqueue(void)
{
	struct workqueue_struct *wq = alloc_workqueue("stress_locks", WQ_UNBOUND, 0);
	int err = -ENOMEM;

	if (!wq)
		return err;
	works = kvmalloc_objs(*works, tasks);
	if (works) {
		for (unsigned int i = 0; i < tasks; i++)
			INIT_WORK(&works[i], count_work);
		atomic_set(&done, 0);
		err = run_workers(dispatchers, wq_dispatcher, NULL, wq);
	}
	destroy_workqueue(wq);
	kvfree(works);
	pr_info("workqueue: %d tasks\n", atomic_read(&done));
	return err;
}

static int run_set(const char *val, const struct kernel_param *kp)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} commands[] = {
		{ "cancel", cancel },
		{ "memory", memory },
		{ "churn", churn },
		{ "taskq", with_taskq },
		{ "workqueue", with_workqueue },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++)
		if (sysfs_streq(val, commands[i].name))
			return commands[i].run();
	return -EINVAL;
}

static const struct kernel_param_ops run_ops = { .set = run_set };
module_param_cb(run, &run_ops, NULL, 0200);
MODULE_PARM_DESC(run, "what to do: cancel, memory, churn, taskq or workqueue");

static int __init taskq_stress_init(void)
{
	return 0;
}
module_init(taskq_stress_init);

static void __exit taskq_stress_exit(void)
{
}
module_exit(taskq_stress_exit);

MODULE_DESCRIPTION("Solaris task queues under stress");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/*
 * Slab caches with constructors that can fail and destructors, used from every
 * context at once, for the boot scenarios.
 *
 * One thread for each possible CPU, with a timer (softirq) and an irq_work (hard
 * irq) each, allocates objects, publishes them in slots that all share, and frees
 * what it displaces there, in every way there is; so objects are freed on other
 * CPUs and in other contexts than they came from.  What is done is drawn from
 * @seed; when it happens is not.
 *
 * Each object holds a state word that only this module writes:
 *
 *	anything --construct--> FREE <--alloc/free--> LIVE,  FREE --destruct--> GONE
 *
 * Any other step is reported, as "slab_sample: FAIL ...", and so is a count that
 * does not add up when the caches are destroyed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/hash.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu_counter.h>
#include <linux/prandom.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timer.h>

static unsigned long seed = 1;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "what the choice of operations starts from");

static atomic_t failures = ATOMIC_INIT(0);

/* Reports the first few; one broken object makes many. */
#define FAIL(fmt, ...) do {						\
	if (atomic_inc_return(&failures) <= 10)				\
		pr_err("FAIL " fmt "\n", ##__VA_ARGS__);		\
} while (0)

#define SLOTS	128
#define BUFFER	512	/* bytes behind an object of the "account" cache */
#define BATCH	24

enum state { FREE, LIVE, GONE };

struct sample {
	const char *name;
	slab_flags_t flags;
	unsigned int size;		/* at least that of struct object */
	unsigned int fail_one_in;	/* constructions that fail; 0: none */
	bool has_counter;
	bool has_buffer;

	struct kmem_cache *s;
	atomic_long_t attempts, constructed, destructed;
	atomic_long_t live, allocations;
	struct object *slots[SLOTS];
};

struct object {
	unsigned long state;		/* see mark() */
	struct sample *c;
	spinlock_t lock;		/* what TYPESAFE_BY_RCU is for */
	struct percpu_counter counter;
	void *buffer;
	/* Below is the user's, in no state that lasts. */
	struct rcu_head rcu;
	struct kvfree_rcu_head kvrcu;
};

static struct sample samples[] = {
	{ "slab_sample_counter", .has_counter = true },
	{ "slab_sample_rcu", SLAB_TYPESAFE_BY_RCU, .has_counter = true },
	{ "slab_sample_account", SLAB_ACCOUNT, .has_buffer = true },
	{ "slab_sample_failing", .size = 1000, .fail_one_in = 40 },
#ifdef SLAB_VMALLOC_MAX_BYTES
	{ "slab_sample_area", SLAB_VMALLOC | SLAB_ACCOUNT, .size = SZ_16K, .has_counter = true },
	{ "slab_sample_area_rcu", SLAB_VMALLOC | SLAB_TYPESAFE_BY_RCU, .size = 8888, .has_buffer = true },
	{ "slab_sample_area_large", SLAB_VMALLOC, .size = 300000, .fail_one_in = 40 },
#endif
};

/*
 * A state as it is stored: not to be mistaken for what a page held before, nor
 * for a copy of another object's.
 */
static unsigned long mark(const struct object *o, enum state state)
{
	return hash_long((unsigned long)o ^ seed, BITS_PER_LONG) ^ (0x51ab5000 + state);
}

static const char *state_name(const struct object *o, unsigned long mark_)
{
	for (enum state i = FREE; i <= GONE; i++)
		if (mark_ == mark(o, i))
			return (const char *[]){ "free", "live", "gone" }[i];
	return "overwritten";
}

static void step_state(struct object *o, enum state from, enum state to, const char *what)
{
	unsigned long old = cmpxchg(&o->state, mark(o, from), mark(o, to));

	if (old != mark(o, from))
		FAIL("%s of an object that is %s (%s)", what, state_name(o, old), o->c->name);
}

/* The constructed part */

static int construct(void *obj, void *private, gfp_t gfp)
{
	unsigned long old = READ_ONCE(((struct object *)obj)->state);
	struct object *o = obj;
	struct sample *c = private;
	long attempt = atomic_long_inc_return(&c->attempts);

	might_sleep_if(gfpflags_allow_blocking(gfp));
	if (gfp & (__GFP_ACCOUNT | __GFP_ZERO | __GFP_NOFAIL))
		FAIL("constructor of %s was given %pGg", c->name, &gfp);
	if (old == mark(o, FREE) || old == mark(o, LIVE))
		FAIL("construct of an object that is %s (%s)", state_name(o, old), c->name);

	if (c->fail_one_in && hash_long(attempt ^ seed, 32) % c->fail_one_in == 0)
		return -ENOMEM;
	if (c->has_counter) {
		int err = percpu_counter_init(&o->counter, 0, gfp);

		if (err)
			return err;
	}
	if (c->has_buffer) {
		o->buffer = kzalloc(BUFFER, gfp);
		if (!o->buffer)
			return -ENOMEM;
	}
	spin_lock_init(&o->lock);
	o->c = c;
	WRITE_ONCE(o->state, mark(o, FREE));
	atomic_long_inc(&c->constructed);
	return 0;
}

static void destruct(void *obj, void *private)
{
	struct object *o = obj;
	struct sample *c = private;

	might_sleep();
	step_state(o, FREE, GONE, "destruct");
	if (o->c != c) {
		FAIL("destructor of %s was given another cache's object", c->name);
		return;
	}
	if (c->has_counter) {
		if (percpu_counter_sum(&o->counter))
			FAIL("destruct of an object whose counter is in use (%s)", c->name);
		percpu_counter_destroy(&o->counter);
	}
	if (c->has_buffer)
		kfree(o->buffer);
	atomic_long_inc(&c->destructed);
}

/* Allocation and free; @o is live between the two. */

static void taken(struct sample *c, struct object *o)
{
	step_state(o, FREE, LIVE, "allocation");
	atomic_long_inc(&c->live);
	atomic_long_inc(&c->allocations);
	if (c->has_counter)
		percpu_counter_add(&o->counter, 3);
	if (c->has_buffer)
		memset(o->buffer, 0xa5, BUFFER);
}

static void giving_back(struct sample *c, struct object *o)
{
	if (c->has_counter) {
		if (percpu_counter_sum(&o->counter) != 3)
			FAIL("a live object's counter was changed (%s)", c->name);
		percpu_counter_sub(&o->counter, 3);
	}
	if (c->has_buffer && memchr_inv(o->buffer, 0xa5, BUFFER))
		FAIL("a live object's buffer was changed (%s)", c->name);
	atomic_long_dec(&c->live);
	step_state(o, LIVE, FREE, "free");
}

static struct object *take(struct sample *c, gfp_t gfp)
{
	struct object *o = kmem_cache_alloc(c->s, gfp | __GFP_NOWARN);

	if (o)
		taken(c, o);
	return o;
}

static void give_back_rcu(struct rcu_head *rcu)
{
	struct object *o = container_of(rcu, struct object, rcu);
	struct sample *c = o->c;

	giving_back(c, o);
	kmem_cache_free(c->s, o);
}

static void give_back(struct sample *c, struct object *o, struct rnd_state *rnd)
{
	switch (prandom_u32_state(rnd) % 8) {
	case 0:
		call_rcu(&o->rcu, give_back_rcu);
		break;
	case 1:
	case 2:
		giving_back(c, o);
		kfree_rcu(o, kvrcu);
		break;
	case 3:
		giving_back(c, o);
		kfree(o);
		break;
	default:
		giving_back(c, o);
		kmem_cache_free(c->s, o);
	}
}

static void swap_slot(struct sample *c, struct object *new, struct rnd_state *rnd)
{
	struct object *old = xchg(&c->slots[prandom_u32_state(rnd) % SLOTS], new);

	if (old)
		give_back(c, old, rnd);
}

/*
 * A reader may look at, and lock, objects that are free or other ones by now, but
 * never one that is gone.  Some readers take long, so that slabs are emptied and
 * shrunk in the meantime.  The locks are taken with interrupts off: a timer that
 * interrupted the reader could free the very object, on the same task, and lockdep
 * would take that for an owner who frees what he has locked.
 */
static void peek(struct sample *c, struct rnd_state *rnd)
{
	struct object *o[16];

	rcu_read_lock();
	for (int i = 0; i < ARRAY_SIZE(o); i++)
		o[i] = READ_ONCE(c->slots[prandom_u32_state(rnd) % SLOTS]);
	if (prandom_u32_state(rnd) % 128 == 0)
		mdelay(prandom_u32_state(rnd) % 512);
	for (int i = 0; i < ARRAY_SIZE(o); i++) {
		unsigned long state, irqflags;

		if (!o[i])
			continue;
		spin_lock_irqsave(&o[i]->lock, irqflags);
		state = READ_ONCE(o[i]->state);
		if (state != mark(o[i], FREE) && state != mark(o[i], LIVE))
			FAIL("a reader under RCU saw an object that is %s (%s)",
			     state_name(o[i], state), c->name);
		spin_unlock_irqrestore(&o[i]->lock, irqflags);
	}
	rcu_read_unlock();
}

/* Half is given back in one go and half left in slots. */
static void bulk(struct sample *c, gfp_t gfp, struct rnd_state *rnd)
{
	void *objs[BATCH];

	if (!kmem_cache_alloc_bulk(c->s, gfp | __GFP_NOWARN, BATCH, objs))
		return;
	for (int i = 0; i < BATCH; i++)
		taken(c, objs[i]);
	for (int i = 0; i < BATCH / 2; i++)
		giving_back(c, objs[i]);
	kmem_cache_free_bulk(c->s, BATCH / 2, objs);
	for (int i = BATCH / 2; i < BATCH; i++)
		swap_slot(c, objs[i], rnd);
}

/* For a second the slots are filled, then for one they are emptied: slabs come and go. */
static bool filling(void)
{
	return jiffies / HZ % 2;
}

/* One operation in any context */
static void any_step(struct sample *c, gfp_t gfp, struct rnd_state *rnd)
{
	struct object *o = NULL;

	if (filling() && prandom_u32_state(rnd) % 4)
		o = take(c, gfp);
	swap_slot(c, o, rnd);
}

/* One operation of a thread */
static void thread_step(struct rnd_state *rnd)
{
	static const gfp_t gfps[] = { GFP_KERNEL, GFP_KERNEL, GFP_NOFS, GFP_NOWAIT, GFP_KERNEL_ACCOUNT };
	struct sample *c = &samples[prandom_u32_state(rnd) % ARRAY_SIZE(samples)];
	gfp_t gfp = gfps[prandom_u32_state(rnd) % ARRAY_SIZE(gfps)];
	unsigned int dice = prandom_u32_state(rnd) % 1024;

	if (dice < (filling() ? 1 : 8))
		kmem_cache_shrink(c->s);
	else if (dice < 60 && filling())
		bulk(c, gfp, rnd);
	else if (dice < 400 && c->flags & SLAB_TYPESAFE_BY_RCU)
		peek(c, rnd);
	else
		any_step(c, gfp, rnd);
}

/* The workers */

struct worker {
	unsigned int cpu;
	struct task_struct *task;
	struct timer_list timer;
	struct irq_work irq_work;
	struct rnd_state task_rnd, timer_rnd, irq_rnd;
};

static struct worker *workers;

static void atomic_steps(struct rnd_state *rnd)
{
	for (int i = 0; i < 8; i++)
		any_step(&samples[prandom_u32_state(rnd) % ARRAY_SIZE(samples)], GFP_ATOMIC, rnd);
}

static void worker_timer(struct timer_list *timer)
{
	atomic_steps(&container_of(timer, struct worker, timer)->timer_rnd);
}

static void worker_irq(struct irq_work *work)
{
	atomic_steps(&container_of(work, struct worker, irq_work)->irq_rnd);
}

/* Goes to its CPU where that is online, and is pushed off when it goes. */
static int worker_thread(void *data)
{
	struct worker *w = data;

	while (!kthread_should_stop()) {
		if (cpu_online(w->cpu) && task_cpu(current) != w->cpu)
			set_cpus_allowed_ptr(current, cpumask_of(w->cpu));
		if (!timer_pending(&w->timer))
			mod_timer(&w->timer, jiffies + 1);
		for (int i = 0; i < 64; i++)
			thread_step(&w->task_rnd);
		irq_work_queue(&w->irq_work);
		if (prandom_u32_state(&w->task_rnd) % 4 == 0)
			schedule_timeout_interruptible(1);
		cond_resched();
	}
	return 0;
}

static void stop_workers(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		if (workers[cpu].task)
			kthread_stop(workers[cpu].task);
	for_each_possible_cpu(cpu) {
		timer_delete_sync(&workers[cpu].timer);
		irq_work_sync(&workers[cpu].irq_work);
		workers[cpu].task = NULL;
	}
	for (int i = 0; i < ARRAY_SIZE(samples); i++) {
		struct sample *c = &samples[i];

		for (int slot = 0; slot < SLOTS; slot++) {
			struct object *o = xchg(&c->slots[slot], NULL);

			if (o)
				give_back(c, o, &workers[0].task_rnd);
		}
	}
	rcu_barrier();	/* give_back_rcu() */
}

static int start_workers(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct worker *w = &workers[cpu];

		w->cpu = cpu;
		w->task = kthread_run(worker_thread, w, "slab_sample/%u", cpu);
		if (IS_ERR(w->task)) {
			int err = PTR_ERR(w->task);

			w->task = NULL;
			stop_workers();
			return err;
		}
	}
	return 0;
}

static void init_workers(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct worker *w = &workers[cpu];

		timer_setup(&w->timer, worker_timer, 0);
		w->irq_work = IRQ_WORK_INIT(worker_irq);
		prandom_seed_state(&w->task_rnd, seed * 4096 + cpu * 4);
		prandom_seed_state(&w->timer_rnd, seed * 4096 + cpu * 4 + 1);
		prandom_seed_state(&w->irq_rnd, seed * 4096 + cpu * 4 + 2);
	}
}

/* Parameters to be written and read while the module is in: active, churn, stats */

static DEFINE_MUTEX(control);
static bool active;

static int set_active(const char *val, const struct kernel_param *kp)
{
	bool want;
	int err = kstrtobool(val, &want);

	if (err)
		return err;
	mutex_lock(&control);
	if (!workers) {
		err = -EAGAIN;	/* as a parameter of insmod */
	} else if (want && !active) {
		err = start_workers();
		active = !err;
	} else if (!want && active) {
		stop_workers();
		active = false;
	}
	mutex_unlock(&control);
	return err;
}

static const struct kernel_param_ops active_ops = { .set = set_active, .get = param_get_bool };
module_param_cb(active, &active_ops, &active, 0644);
MODULE_PARM_DESC(active, "0 stops the threads and frees all objects, 1 starts again");

static int set_churn(const char *val, const struct kernel_param *kp)
{
	static struct rnd_state rnd;
	unsigned int steps;
	int err = kstrtouint(val, 0, &steps);

	if (err)
		return err;
	mutex_lock(&control);
	if (active) {
		prandom_seed_state(&rnd, seed * 4096 + 3);
		while (steps--) {
			thread_step(&rnd);
			cond_resched();
		}
	} else {
		err = -EAGAIN;
	}
	mutex_unlock(&control);
	return err;
}

static const struct kernel_param_ops churn_ops = { .set = set_churn };
module_param_cb(churn, &churn_ops, NULL, 0200);
MODULE_PARM_DESC(churn, "as many operations by the writer itself, charged to its cgroup");

static int get_stats(char *buf, const struct kernel_param *kp)
{
	int len = 0;

	for (int i = 0; i < ARRAY_SIZE(samples); i++) {
		struct sample *c = &samples[i];

		len += sysfs_emit_at(buf, len, "%s constructed %ld destructed %ld live %ld\n", c->name,
				     atomic_long_read(&c->constructed), atomic_long_read(&c->destructed),
				     atomic_long_read(&c->live));
	}
	return len;
}

/*
 * Objects that weigh much, charged to the cgroup of the writer: so many live ones
 * after those of before have been freed. Does not reclaim, so a limit that is too
 * low makes it fail, not kill.
 */
#define HEAVY_WEIGHT	SZ_1M
#define MAX_HEAVY	64

static struct kmem_cache *heavy_cache;
static void *heavy[MAX_HEAVY];
static unsigned int nr_heavy;

static void free_heavy(void)
{
	while (nr_heavy)
		kmem_cache_free(heavy_cache, heavy[--nr_heavy]);
}

static int set_heavy(const char *val, const struct kernel_param *kp)
{
	unsigned int want;
	int err = kstrtouint(val, 0, &want);

	if (err || want > MAX_HEAVY)
		return err ?: -EINVAL;
	mutex_lock(&control);
	if (!heavy_cache) {
		err = -EAGAIN;
		goto out;
	}
	free_heavy();
	for (; nr_heavy < want; nr_heavy++) {
		heavy[nr_heavy] = kmem_cache_alloc(heavy_cache, GFP_NOWAIT | __GFP_NOWARN);
		if (!heavy[nr_heavy])
			break;
	}
	if (nr_heavy < want) {
		pr_info("heavy: %u objects, then no more\n", nr_heavy);
		free_heavy();
		err = -ENOMEM;
	}
out:
	mutex_unlock(&control);
	return err;
}

static const struct kernel_param_ops heavy_ops = { .set = set_heavy };
module_param_cb(heavy, &heavy_ops, NULL, 0200);
MODULE_PARM_DESC(heavy, "so many live objects that weigh 1 MiB each, charged to the writer's cgroup");

static int construct_nothing(void *obj, void *private, gfp_t gfp)
{
	return 0;
}

static struct kmem_cache *create_heavy_cache(void)
{
	struct kmem_cache_args args = {
		.construct = construct_nothing,
		.weight = HEAVY_WEIGHT,
	};

	return kmem_cache_create("slab_sample_heavy", 64, &args, SLAB_ACCOUNT);
}

static const struct kernel_param_ops stats_ops = { .get = get_stats };
module_param_cb(stats, &stats_ops, NULL, 0444);
MODULE_PARM_DESC(stats, "what the callbacks of each cache counted");

static int create_cache(struct sample *c)
{
	struct kmem_cache_args args = {
		.construct = construct,
		.destruct = destruct,
		.private = c,
		.weight = (c->has_counter ? num_possible_cpus() * sizeof(s32) : 0) +
			  (c->has_buffer ? BUFFER : 0),
	};

	c->s = kmem_cache_create(c->name, max(c->size, (unsigned int)sizeof(struct object)),
				 &args, c->flags);
	return c->s ? 0 : -ENOMEM;
}

static void destroy_heavy_cache(void)
{
	struct kmem_cache *s;

	mutex_lock(&control);
	free_heavy();
	s = heavy_cache;
	heavy_cache = NULL;
	mutex_unlock(&control);
	kmem_cache_destroy(s);
}

static void destroy_caches(void)
{
	destroy_heavy_cache();
	for (int i = 0; i < ARRAY_SIZE(samples); i++) {
		struct sample *c = &samples[i];
		long constructed, destructed, live;

		kmem_cache_destroy(c->s);
		constructed = atomic_long_read(&c->constructed);
		destructed = atomic_long_read(&c->destructed);
		live = atomic_long_read(&c->live);
		pr_info("%s: %ld allocations, constructed %ld destructed %ld\n", c->name,
			atomic_long_read(&c->allocations), constructed, destructed);
		if (constructed != destructed || live)
			FAIL("%s: constructed %ld, destructed %ld, live %ld", c->name, constructed, destructed, live);
	}
	pr_info("%s, seed %lu\n", atomic_read(&failures) ? "FAIL" : "ok", seed);
}

static int __init slab_sample_init(void)
{
	struct worker *w;
	int err = 0;

	pr_info("seed %lu\n", seed);
	for (int i = 0; !err && i < ARRAY_SIZE(samples); i++)
		err = create_cache(&samples[i]);
	if (!err) {
		heavy_cache = create_heavy_cache();
		err = heavy_cache ? 0 : -ENOMEM;
	}
	w = kcalloc(nr_cpu_ids, sizeof(*w), GFP_KERNEL);
	if (err || !w) {
		kfree(w);
		destroy_caches();
		return -ENOMEM;
	}
	mutex_lock(&control);
	workers = w;
	init_workers();
	err = start_workers();
	active = !err;
	if (err) {
		kfree(workers);
		workers = NULL;
	}
	mutex_unlock(&control);
	if (err)
		destroy_caches();
	return err;
}
module_init(slab_sample_init);

static void __exit slab_sample_exit(void)
{
	/* The parameters can still be written. */
	mutex_lock(&control);
	if (active)
		stop_workers();
	active = false;
	kfree(workers);
	workers = NULL;
	mutex_unlock(&control);
	destroy_caches();
}
module_exit(slab_sample_exit);

MODULE_DESCRIPTION("Slab caches with constructors and destructors under load");
MODULE_LICENSE("GPL");

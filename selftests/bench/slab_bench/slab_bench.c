// SPDX-License-Identifier: GPL-2.0
/*
 * What the slab allocator's operations cost, for scripts/bench (see bench.h): the least of
 * several rounds, as a round that a timer tick or a callback fell into is dearer, never
 * cheaper.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/percpu_counter.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "../bench.h"

static unsigned int loops = 2000;
module_param(loops, uint, 0);
MODULE_PARM_DESC(loops, "operations in a round of the cheap cases");

static unsigned int rounds = 10;
module_param(rounds, uint, 0);
MODULE_PARM_DESC(rounds, "rounds, of which the least is taken");

static bool distribution;
module_param(distribution, bool, 0);
MODULE_PARM_DESC(distribution, "make as many caches as a distribution's kernel has, and nothing else");

#define MISS_OBJECTS	1000

static void *objs[MISS_OBJECTS];

/*
 * For what waits: a thread that runs when nothing else does, and counts the time
 * it had.  (The kernel's own count of idle time goes by the tick while the CPU
 * has RCU callbacks.)  A longer gap between two turns of its loop is the time of
 * something else.
 */
#define GAP	500

static struct task_struct *idler;
static u64 idled;

static int idle(void *unused)
{
	u64 last = now();

	while (!kthread_should_stop()) {
		u64 t = now();

		if (t - last < GAP)
			WRITE_ONCE(idled, idled + t - last);
		last = t;
		cond_resched();
	}
	return 0;
}

static u64 start_work(void)
{
	return now() - READ_ONCE(idled);
}

static u64 end_work(u64 start)
{
	return now() - READ_ONCE(idled) - start;
}

struct bench {
	const char *name;
	/* cost of one round, of @ops operations; U64_MAX when it failed */
	u64 (*round)(const struct bench *b);
	struct kmem_cache *s;
	unsigned int size;	/* of the objects of a cache that is made for it */
	unsigned int bytes;	/* of objects, when the case does it all itself */
	unsigned int ops;
	bool waits;
};

static struct kmem_cache *new_cache(const char *name, unsigned int size)
{
	return kmem_cache_create(name, size, 0, SLAB_NO_MERGE, NULL);
}

/* Large objects, as there are several ways to get them */
#define DEFINE_LARGE_PAIRS(how, get, put)				\
static u64 how##_pairs(const struct bench *b)				\
{									\
	unsigned int size = b->bytes;					\
	u64 t = now();							\
									\
	for (unsigned int i = 0; i < b->ops; i++) {			\
		void *p;						\
									\
		OPTIMIZER_HIDE_VAR(size);				\
		p = get(size, GFP_KERNEL);				\
		if (!p)							\
			return U64_MAX;					\
		put(p);							\
	}								\
	return now() - t;						\
}
DEFINE_LARGE_PAIRS(kmalloc_large, kmalloc, kfree)
DEFINE_LARGE_PAIRS(vmalloc_large, __vmalloc, vfree)
DEFINE_LARGE_PAIRS(kvmalloc_large, kvmalloc, kvfree)

/* Existing operations: in both kernels */

static u64 cache_pairs(const struct bench *b)
{
	u64 t = now();

	for (unsigned int i = 0; i < b->ops; i++) {
		void *p = kmem_cache_alloc(b->s, GFP_KERNEL);

		if (!p)
			return U64_MAX;
		kmem_cache_free(b->s, p);
	}
	return now() - t;
}

/*
 * Which object of its slab is the hot one is chance, and one in a page that is not the
 * slab's first costs more to find the slab of. So put one of the kind that is wanted
 * on top of the CPU's sheaf.
 */
static bool put_on_top(struct kmem_cache *s, bool first_page)
{
	void *top = NULL;
	unsigned int n;

	for (n = 0; n < 32 && !top; n++) {
		objs[n] = kmem_cache_alloc(s, GFP_KERNEL);
		if (objs[n] && PageTail(virt_to_page(objs[n])) != first_page)
			top = objs[n];
	}
	while (n--) {
		if (objs[n] != top)
			kmem_cache_free(s, objs[n]);
	}
	if (top)
		kmem_cache_free(s, top);
	return top;
}

static u64 first_page_pairs(const struct bench *b)
{
	return put_on_top(b->s, true) ? cache_pairs(b) : U64_MAX;
}

static u64 other_page_pairs(const struct bench *b)
{
	return put_on_top(b->s, false) ? cache_pairs(b) : U64_MAX;
}

static u64 node_pairs(const struct bench *b)
{
	u64 t = now();

	for (unsigned int i = 0; i < b->ops; i++) {
		void *p = kmem_cache_alloc_node(b->s, GFP_KERNEL, numa_mem_id());

		if (!p)
			return U64_MAX;
		kmem_cache_free(b->s, p);
	}
	return now() - t;
}

/* Of a size known when compiled, as nearly all kmalloc() calls are */
#define DEFINE_KMALLOC_PAIRS(get, put, size_)				\
static u64 get##_pairs_##size_(const struct bench *b)			\
{									\
	u64 t = now();							\
									\
	for (unsigned int i = 0; i < b->ops; i++) {			\
		void *p = get(size_, GFP_KERNEL);			\
									\
		OPTIMIZER_HIDE_VAR(p);					\
		if (!p)							\
			return U64_MAX;					\
		put(p);							\
	}								\
	return now() - t;						\
}
DEFINE_KMALLOC_PAIRS(kmalloc, kfree, 64)
DEFINE_KMALLOC_PAIRS(kmalloc, kfree, 512)
DEFINE_KMALLOC_PAIRS(kmalloc, kfree, 4096)
DEFINE_KMALLOC_PAIRS(kvmalloc, kvfree, 64)

static u64 kmalloc_var_pairs(const struct bench *b)
{
	unsigned int size = b->size;
	u64 t = now();

	for (unsigned int i = 0; i < b->ops; i++) {
		void *p;

		OPTIMIZER_HIDE_VAR(size);
		p = kmalloc(size, GFP_KERNEL);
		if (!p)
			return U64_MAX;
		kfree(p);
	}
	return now() - t;
}

static u64 bulk(const struct bench *b, unsigned int batch)
{
	u64 t = now();

	for (unsigned int i = 0; i < b->ops; i += batch) {
		if (!kmem_cache_alloc_bulk(b->s, GFP_KERNEL, batch, objs))
			return U64_MAX;
		kmem_cache_free_bulk(b->s, batch, objs);
	}
	return now() - t;
}

static u64 bulk_16(const struct bench *b) { return bulk(b, 16); }
static u64 bulk_64(const struct bench *b) { return bulk(b, 64); }

static u64 miss(const struct bench *b)
{
	u64 t = now();

	for (unsigned int i = 0; i < b->ops; i++) {
		objs[i] = kmem_cache_alloc(b->s, GFP_KERNEL);
		if (!objs[i])
			return U64_MAX;
	}
	for (unsigned int i = 0; i < b->ops; i++)
		kmem_cache_free(b->s, objs[i]);
	return now() - t;
}

struct deferred {
	struct kvfree_rcu_head rcu;
};

static u64 kfree_rcus(const struct bench *b)
{
	u64 t;

	rcu_barrier();
	t = start_work();
	for (unsigned int i = 0; i < b->ops; i++) {
		struct deferred *p = kmem_cache_alloc(b->s, GFP_KERNEL);

		if (!p)
			return U64_MAX;
		kfree_rcu(p, rcu);
	}
	rcu_barrier();
	return end_work(t);
}

struct counted {
	struct percpu_counter counter;
} __aligned(64);

/* The constructed part made anew for each allocation */
static u64 counter_pairs(const struct bench *b)
{
	u64 t = now();

	for (unsigned int i = 0; i < b->ops; i++) {
		struct counted *p = kmem_cache_alloc(b->s, GFP_KERNEL);

		if (!p)
			return U64_MAX;
		if (percpu_counter_init(&p->counter, 0, GFP_KERNEL))
			return U64_MAX;
		percpu_counter_destroy(&p->counter);
		kmem_cache_free(b->s, p);
	}
	return now() - t;
}

static u64 create(const struct bench *b)
{
	struct kmem_cache *s;
	u64 t = now();

	s = new_cache("slab_bench_create", b->size);
	t = now() - t;
	if (!s)
		return U64_MAX;
	kmem_cache_destroy(s);
	return t;
}

static u64 destroy(const struct bench *b)
{
	struct kmem_cache *s = new_cache("slab_bench_destroy", b->size);
	u64 t;

	if (!s)
		return U64_MAX;
	t = start_work();
	kmem_cache_destroy(s);
	return end_work(t);
}

static u64 destroy_elapsed(const struct bench *b)
{
	struct kmem_cache *s = new_cache("slab_bench_destroy", b->size);
	u64 t;

	if (!s)
		return U64_MAX;
	t = now();
	kmem_cache_destroy(s);
	return now() - t;
}

/*
 * An mm without a process, and then the per-CPU parts of one alone, made and unmade
 * as a kernel does that keeps none of them. What the second costs is contained in
 * the first, in such a kernel; so the two tell what another kernel pays for the
 * parts.
 */
static u64 mm_lives(const struct bench *b)
{
	u64 t;

	rcu_barrier();
	t = start_work();
	for (unsigned int i = 0; i < b->ops; i++) {
		struct mm_struct *mm = mm_alloc();

		if (!mm)
			return U64_MAX;
		mmput(mm);
	}
	rcu_barrier();
	return end_work(t);
}

#if defined(CONFIG_SCHED_CACHE) && defined(CONFIG_SCHED_MM_CID)
static void group_free_rcu(struct rcu_head *rcu)
{
	struct sched_cache_group *grp = container_of(rcu, struct sched_cache_group, rcu);

	free_percpu(grp->pcpu_sched);
	kfree(grp);
}

static bool one_mm_parts(void)
{
	struct percpu_counter rss[NR_MM_COUNTERS];
	struct mm_cid_pcpu __percpu *cid = alloc_percpu(struct mm_cid_pcpu);
	struct sched_cache_time __percpu *times = alloc_percpu(struct sched_cache_time);
	struct sched_cache_group *grp = kzalloc(sizeof(*grp), GFP_KERNEL);
	s64 sum = 0;
	int cpu;

	if (!cid || !times || !grp ||
	    percpu_counter_init_many(rss, 0, GFP_KERNEL_ACCOUNT, NR_MM_COUNTERS))
		return false;
	for_each_possible_cpu(cpu) {
		per_cpu_ptr(times, cpu)->runtime = 0;
		per_cpu_ptr(times, cpu)->epoch = cpu;
	}
	grp->pcpu_sched = times;
	for (int i = 0; i < NR_MM_COUNTERS; i++)
		sum += percpu_counter_sum(&rss[i]);
	call_rcu(&grp->rcu, group_free_rcu);
	free_percpu(cid);
	percpu_counter_destroy_many(rss, NR_MM_COUNTERS);
	return !sum;
}

static u64 mm_parts(const struct bench *b)
{
	u64 t;

	rcu_barrier();
	t = start_work();
	for (unsigned int i = 0; i < b->ops; i++)
		if (!one_mm_parts())
			return U64_MAX;
	rcu_barrier();
	return end_work(t);
}
#endif

#ifdef HAVE_CONSTRUCT

/* What the constructor of counted objects saw; the object whose turn is @fail_at fails. */
static struct {
	struct page *slab;
	u64 start, last, worst;
	unsigned int objs, objs_per_slab, fail_at;
	unsigned int slabs;
	u64 total;
} seen;

static void seen_reset(unsigned int fail_at)
{
	memset(&seen, 0, sizeof(seen));
	seen.fail_at = fail_at;
}

/* The slab whose construction was watched is complete. */
static void seen_slab(void)
{
	if (!seen.slab)
		return;
	seen.worst = max(seen.worst, seen.last - seen.start);
	seen.total += seen.last - seen.start;
	seen.objs_per_slab = max(seen.objs_per_slab, seen.objs);
	seen.slabs++;
	seen.slab = NULL;
}

static int counted_construct(void *obj, void *private, gfp_t gfp)
{
	struct counted *p = obj;

	return percpu_counter_init(&p->counter, 0, gfp);
}

static int watched_construct(void *obj, void *private, gfp_t gfp)
{
	u64 t = now();
	int err;

	if (seen.slab != virt_to_head_page(obj)) {
		seen_slab();
		seen.slab = virt_to_head_page(obj);
		seen.start = t;
		seen.objs = 0;
	}
	seen.objs++;
	err = seen.objs == seen.fail_at ? -ENOMEM : counted_construct(obj, private, gfp);
	seen.last = now();
	if (err)	/* the next attempt may well get the same page */
		seen_slab();
	return err;
}

static void counted_destruct(void *obj, void *private)
{
	struct counted *p = obj;

	percpu_counter_destroy(&p->counter);
}

static struct kmem_cache *new_counted_cache(bool watched)
{
	struct kmem_cache_args args = {
		.align = __alignof__(struct counted),
		.construct = watched ? watched_construct : counted_construct,
		.destruct = counted_destruct,
		.weight = sizeof(s32) * num_possible_cpus(),
	};

	return kmem_cache_create("slab_bench_counted", sizeof(struct counted),
				 &args, SLAB_NO_MERGE);
}

static u64 constructed_pairs(const struct bench *b)
{
	struct bench counted = *b;
	u64 t = U64_MAX;

	counted.s = new_counted_cache(false);
	if (counted.s && cache_pairs(&counted) != U64_MAX)
		t = cache_pairs(&counted);
	kmem_cache_destroy(counted.s);
	return t;
}

/* The longest single allocation of many */
static u64 longest_alloc(struct kmem_cache *s)
{
	unsigned int n;
	u64 worst = 0;

	for (n = 0; n < MISS_OBJECTS; n++) {
		u64 t = now();

		objs[n] = kmem_cache_alloc(s, GFP_KERNEL);
		worst = max(worst, now() - t);
		if (!objs[n])
			break;
	}
	for (unsigned int i = 0; i < n; i++)
		kmem_cache_free(s, objs[i]);
	return n == MISS_OBJECTS ? worst : U64_MAX;
}

static u64 alloc_worst(const struct bench *b)
{
	struct kmem_cache *s = new_counted_cache(false);
	u64 worst = s ? longest_alloc(s) : U64_MAX;

	kmem_cache_destroy(s);
	return worst;
}

/* Fills @seen from a thousand allocations; all slabs are new ones. */
static bool watch_slabs(void)
{
	struct kmem_cache *s = new_counted_cache(true);
	bool ok;

	seen_reset(0);
	ok = s && longest_alloc(s) != U64_MAX;
	seen_slab();
	kmem_cache_destroy(s);
	return ok;
}

static u64 construct_slab(const struct bench *b)
{
	return watch_slabs() ? div_u64(seen.total, seen.slabs) : U64_MAX;
}

static u64 construct_slab_worst(const struct bench *b)
{
	return watch_slabs() ? seen.worst : U64_MAX;
}

/* One allocation that fails, since the @fail_at-th object of each slab does */
static u64 failed_alloc(unsigned int fail_at)
{
	struct kmem_cache *s = new_counted_cache(true);
	void *p;
	u64 t;

	if (!s)
		return U64_MAX;
	seen_reset(fail_at);
	t = now();
	p = kmem_cache_alloc(s, GFP_KERNEL | __GFP_NOWARN);
	t = now() - t;
	if (p) {
		pr_err("FAIL construct_fail: an allocation succeeded\n");
		kmem_cache_free(s, p);
		t = U64_MAX;
	}
	kmem_cache_destroy(s);
	return t;
}

static u64 construct_fail_first(const struct bench *b)
{
	return failed_alloc(1);
}

static u64 construct_fail_last(const struct bench *b)
{
	return watch_slabs() ? failed_alloc(seen.objs_per_slab) : U64_MAX;
}

#endif /* HAVE_CONSTRUCT */

#ifdef HAVE_VMALLOC_CACHES

static struct kmem_cache *new_vmalloc_cache(unsigned int size)
{
	return kmem_cache_create("slab_bench_vmalloc", size, NULL, SLAB_VMALLOC);
}

static u64 with_cache(const struct bench *b, struct kmem_cache *s,
		      u64 (*round)(const struct bench *b))
{
	struct bench copy = *b;
	u64 t = U64_MAX;

	copy.s = s;
	/* The first time it is not warm. */
	if (s && round(&copy) != U64_MAX)
		t = round(&copy);
	kmem_cache_destroy(s);
	return t;
}

static u64 vmalloc_cache_pairs(const struct bench *b)
{
	return with_cache(b, new_vmalloc_cache(b->bytes), cache_pairs);
}

static u64 vmalloc_cache_miss(const struct bench *b)
{
	return with_cache(b, new_vmalloc_cache(b->bytes), miss);
}

static u64 page_cache_miss(const struct bench *b)
{
	return with_cache(b, new_cache("slab_bench_pages", b->bytes), miss);
}

#define GROW_OBJECTS	15

/* An allocation that needs a slab, when the CPU has its sheaves */
static u64 vmalloc_cache_grow(const struct bench *b)
{
	struct kmem_cache_args args = { .objects_per_slab = GROW_OBJECTS };
	struct kmem_cache *s = kmem_cache_create("slab_bench_vmalloc", b->bytes,
						 &args, SLAB_VMALLOC);
	u64 t = U64_MAX;
	unsigned int n;

	if (!s)
		return t;
	for (n = 0; n <= GROW_OBJECTS; n++) {
		u64 start = now();

		objs[n] = kmem_cache_alloc(s, GFP_KERNEL);
		if (!objs[n])
			break;
		t = now() - start;
	}
	if (n <= GROW_OBJECTS)
		t = U64_MAX;
	while (n--)
		kmem_cache_free(s, objs[n]);
	kmem_cache_destroy(s);
	return t;
}

/* What vmalloc() takes for memory of the same size */
static u64 vmalloc_grow(const struct bench *b)
{
	u64 t = now();
	void *p = __vmalloc(PAGE_SIZE + GROW_OBJECTS * b->bytes, GFP_KERNEL);

	t = now() - t;
	vfree(p);
	return p ? t : U64_MAX;
}

/*
 * A steady load beside somebody who allocates until there is no memory, over and over
 * again; what it costs is the time that the load itself runs, reclaim included if it
 * is the load that reclaims.
 */
static u64 time_of_mine(void)
{
	schedule_timeout_uninterruptible(1);	/* brings it up to date */
	return current->se.sum_exec_runtime;
}

static u64 steady_pairs(const struct bench *b)
{
	static struct kmem_cache *s;
	u64 start;

	/* One for all rounds, so that it has what it needs. */
	if (!s) {
		s = new_vmalloc_cache(b->bytes);
		if (!s)
			return U64_MAX;
	}
	start = time_of_mine();
	for (unsigned int i = 0; i < b->ops; i++) {
		/* Nobody is to be killed for it; without memory it waits its turn. */
		void *object = kmem_cache_alloc(s, GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);

		if (object)
			kmem_cache_free(s, object);
		if (!object || !(i % 256))
			cond_resched();
	}
	return time_of_mine() - start;
}

static atomic_t without_memory;

static int use_up_memory(void *unused)
{
	struct page *page, *next;
	LIST_HEAD(pages);

	while (!kthread_should_stop()) {
		page = alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
		if (page) {
			list_add(&page->lru, &pages);
		} else {
			unsigned int nr = 0;

			atomic_inc(&without_memory);
			/* Some, so that it soon happens again */
			list_for_each_entry_safe(page, next, &pages, lru) {
				if (nr++ == 1000)
					break;
				list_del(&page->lru);
				__free_page(page);
			}
		}
		cond_resched();
	}
	list_for_each_entry_safe(page, next, &pages, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
	return 0;
}

static u64 pressed_pairs(const struct bench *b)
{
	struct task_struct *hog = kthread_run(use_up_memory, NULL, "slab_bench_hog");
	u64 cost;

	if (IS_ERR(hog))
		return U64_MAX;
	schedule_timeout_uninterruptible(HZ);	/* until memory is used up */
	atomic_set(&without_memory, 0);
	cost = steady_pairs(b);
	kthread_stop(hog);
	if (!atomic_read(&without_memory)) {
		pr_err("FAIL %s: there was memory all the time\n", b->name);
		return U64_MAX;
	}
	return cost;
}

#endif /* HAVE_VMALLOC_CACHES */

/* @ops 0: as the parameter says.  @size and no other round: a cache is made */
static struct bench benches[] = {
	{ "cache_64", cache_pairs, .size = 64 },
	{ "cache_512", cache_pairs, .size = 512 },
	{ "cache_4096", first_page_pairs, .size = 4096 },
	{ "cache_4096_other_page", other_page_pairs, .size = 4096 },
	{ "cache_node_64", node_pairs, .size = 64 },
	{ "kmalloc_64", kmalloc_pairs_64 },
	{ "kmalloc_512", kmalloc_pairs_512 },
	{ "kmalloc_4096", kmalloc_pairs_4096 },
	{ "kmalloc_var_64", kmalloc_var_pairs, .size = 64 },
	{ "kvmalloc_64", kvmalloc_pairs_64 },
	{ "bulk_16", bulk_16, .size = 64, .ops = 1600 },
	{ "bulk_64", bulk_64, .size = 64, .ops = 1600 },
	{ "miss_64", miss, .size = 64, .ops = MISS_OBJECTS },
	{ "miss_512", miss, .size = 512, .ops = MISS_OBJECTS },
	{ "kfree_rcu_64", kfree_rcus, .size = 64, .ops = 10000, .waits = true },
	{ "counter_each_alloc", counter_pairs, .size = sizeof(struct counted) },
	{ "mm_life", mm_lives, .ops = 500, .waits = true },
#if defined(CONFIG_SCHED_CACHE) && defined(CONFIG_SCHED_MM_CID)
	{ "mm_parts", mm_parts, .ops = 500, .waits = true },
#endif
#ifdef HAVE_CONSTRUCT
	{ "counter_constructed", constructed_pairs },
	{ "construct_slab", construct_slab, .ops = 1 },
	{ "construct_slab_worst", construct_slab_worst, .ops = 1 },
	{ "alloc_worst", alloc_worst, .ops = 1 },
	{ "construct_fail_first", construct_fail_first, .ops = 1 },
	{ "construct_fail_last", construct_fail_last, .ops = 1 },
#endif
	{ "cache_create", create, .size = 64, .ops = 1 },
	{ "cache_destroy", destroy, .size = 64, .ops = 1, .waits = true },
	{ "cache_destroy_elapsed", destroy_elapsed, .size = 64, .ops = 1 },
#define LARGE(name, bytes_)							\
	{ "large_cache_" name, first_page_pairs, .size = bytes_ },			\
	{ "large_kmalloc_" name, kmalloc_large_pairs, .bytes = bytes_, .ops = 200 }, \
	{ "large_kvmalloc_" name, kvmalloc_large_pairs, .bytes = bytes_, .ops = 200 }, \
	{ "large_vmalloc_" name, vmalloc_large_pairs, .bytes = bytes_, .ops = 200 }
	LARGE("16k", SZ_16K),
	LARGE("64k", SZ_64K),
	LARGE("256k", SZ_256K),
	LARGE("1m", SZ_1M),
#ifdef HAVE_VMALLOC_CACHES
	/* From here on there has been a cache with SLAB_VMALLOC. */
	{ "large_vcache_16k", vmalloc_cache_pairs, .bytes = SZ_16K },
	{ "large_vcache_64k", vmalloc_cache_pairs, .bytes = SZ_64K },
	{ "large_vcache_256k", vmalloc_cache_pairs, .bytes = SZ_256K },
	{ "large_vcache_1m", vmalloc_cache_pairs, .bytes = SZ_1M },
	{ "vmiss_32k_pages", page_cache_miss, .bytes = SZ_32K, .ops = 512 },
	{ "vmiss_32k", vmalloc_cache_miss, .bytes = SZ_32K, .ops = 512 },
	{ "vmiss_256k_pages", page_cache_miss, .bytes = SZ_256K, .ops = 64 },
	{ "vmiss_256k", vmalloc_cache_miss, .bytes = SZ_256K, .ops = 64 },
	{ "vgrow_16k_vmalloc", vmalloc_grow, .bytes = SZ_16K, .ops = 1 },
	{ "vgrow_16k", vmalloc_cache_grow, .bytes = SZ_16K, .ops = 1 },
	{ "vgrow_64k_vmalloc", vmalloc_grow, .bytes = SZ_64K, .ops = 1 },
	{ "vgrow_64k", vmalloc_cache_grow, .bytes = SZ_64K, .ops = 1 },
	{ "vgrow_256k_vmalloc", vmalloc_grow, .bytes = SZ_256K, .ops = 1 },
	{ "vgrow_256k", vmalloc_cache_grow, .bytes = SZ_256K, .ops = 1 },
	{ "vgrow_1m_vmalloc", vmalloc_grow, .bytes = SZ_1M, .ops = 1 },
	{ "vgrow_1m", vmalloc_cache_grow, .bytes = SZ_1M, .ops = 1 },
	{ "steady_64k", steady_pairs, .bytes = SZ_64K, .ops = 500000 },
	{ "steady_64k_pressed", pressed_pairs, .bytes = SZ_64K, .ops = 500000 },
	{ "beside_kvmalloc_64", kvmalloc_pairs_64 },
	{ "beside_cache_64", cache_pairs, .size = 64 },
	{ "beside_kmalloc_64", kmalloc_pairs_64 },
	{ "beside_bulk_64", bulk_64, .size = 64, .ops = 1600 },
	{ "beside_miss_64", miss, .size = 64, .ops = MISS_OBJECTS },
#endif
};

static int run(struct bench *b)
{
	u64 least = U64_MAX;

	b->ops = b->ops ?: loops;
	if (b->size) {
		b->s = new_cache("slab_bench", b->size);
		if (!b->s)
			return -ENOMEM;
	}
	if (b->waits) {
		idler = kthread_run(idle, NULL, "slab_bench_idle");
		if (IS_ERR(idler))
			return PTR_ERR(idler);
		sched_set_normal(idler, MAX_NICE);
	}
	for (unsigned int i = 0; i < rounds; i++) {
		least = min(least, b->round(b));
		cond_resched();
	}
	if (b->waits)
		kthread_stop(idler);
	kmem_cache_destroy(b->s);
	return print_cost(b->name, least, b->ops);
}

/*
 * The caches of a distribution's kernel on a server, kmalloc's excepted: object
 * sizes, and how many caches have each
 */
static const struct {
	unsigned int size, nr;
} distribution_caches[] = {
	{ 8, 2 }, { 16, 5 }, { 24, 1 }, { 32, 6 }, { 40, 3 }, { 48, 3 },
	{ 56, 3 }, { 64, 5 }, { 72, 2 }, { 80, 2 }, { 88, 1 }, { 96, 3 },
	{ 104, 3 }, { 112, 2 }, { 120, 4 }, { 128, 6 }, { 136, 2 }, { 160, 1 },
	{ 168, 2 }, { 176, 1 }, { 184, 3 }, { 192, 11 }, { 200, 1 }, { 208, 2 },
	{ 216, 1 }, { 232, 1 }, { 240, 1 }, { 248, 1 }, { 256, 14 }, { 272, 1 },
	{ 280, 1 }, { 288, 1 }, { 312, 1 }, { 320, 5 }, { 344, 2 }, { 376, 1 },
	{ 384, 3 }, { 392, 2 }, { 416, 1 }, { 432, 1 }, { 440, 1 }, { 448, 1 },
	{ 456, 1 }, { 480, 1 }, { 488, 1 }, { 512, 4 }, { 560, 1 }, { 576, 2 },
	{ 584, 1 }, { 624, 1 }, { 632, 1 }, { 640, 1 }, { 656, 1 }, { 672, 1 },
	{ 688, 1 }, { 696, 2 }, { 704, 4 }, { 752, 1 }, { 768, 1 }, { 832, 2 },
	{ 896, 1 }, { 960, 1 }, { 984, 1 }, { 1016, 1 }, { 1024, 5 },
	{ 1128, 1 }, { 1144, 1 }, { 1152, 2 }, { 1232, 1 }, { 1280, 1 },
	{ 1344, 2 }, { 1352, 1 }, { 1472, 1 }, { 1536, 1 }, { 1600, 1 },
	{ 1984, 1 }, { 2048, 3 }, { 2112, 2 }, { 2168, 1 }, { 2240, 1 },
	{ 2368, 1 }, { 2496, 1 }, { 2672, 1 }, { 4096, 4 }, { 4232, 1 },
	{ 4288, 1 }, { 5888, 1 }, { 8192, 2 }, { 51488, 1 },
};

static int make_distribution_caches(void)
{
	char name[32];

	for (unsigned int i = 0; i < ARRAY_SIZE(distribution_caches); i++) {
		for (unsigned int n = 0; n < distribution_caches[i].nr; n++) {
			snprintf(name, sizeof(name), "slab_bench_%u_%u", distribution_caches[i].size, n);
			/* They stay for as long as the kernel runs. */
			if (!new_cache(name, distribution_caches[i].size))
				return -ENOMEM;
		}
	}
	return 0;
}

static int __init slab_bench_init(void)
{
	if (distribution)
		return make_distribution_caches();

	for (unsigned int i = 0; i < ARRAY_SIZE(benches); i++) {
		int err;

		if (!wanted(benches[i].name))
			continue;
		err = run(&benches[i]);
		if (err)
			return err;
	}
	return 0;
}
module_init(slab_bench_init);

static void __exit slab_bench_exit(void)
{
}
module_exit(slab_bench_exit);

MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");	/* mm_alloc() */
MODULE_DESCRIPTION("Cost of the slab allocator's operations");
MODULE_LICENSE("GPL");

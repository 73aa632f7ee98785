// SPDX-License-Identifier: GPL-2.0
/*
 * Slab caches backed by vmalloc areas, where memory is fragmented, and where objects
 * are freed on other CPUs than they were allocated on; for the boot scenarios.
 *
 * What to do is written to the parameter "run":
 *
 *	fragment	leave no free block of pages of order 4 or more
 *	vmalloc, pages	allocate @objects objects of 1 MiB from a cache with that backing,
 *			check and free them; says how many there were, and how often this
 *			made somebody work for blocks of pages
 *	defragment	the opposite of fragment
 *	flow		for a while, CPUs 0 and 1 allocate what CPUs 2 and 3 free
 *
 * Who writes to /proc/slab_area_hold allocates, holds and frees objects of 16 KiB to 1 MiB,
 * @hold_kib at most, for @hold_seconds or until it is killed, and checks what is in them.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/ptr_ring.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/vmalloc.h>

static unsigned int objects = 1000;
module_param(objects, uint, 0644);
MODULE_PARM_DESC(objects, "objects of 1 MiB to allocate");

static unsigned int hold_kib = 64 << 10;
module_param(hold_kib, uint, 0644);
MODULE_PARM_DESC(hold_kib, "the most that a writer of slab_area_hold has at once");

static unsigned int hold_seconds = 20;
module_param(hold_seconds, uint, 0644);
MODULE_PARM_DESC(hold_seconds, "how long a writer of slab_area_hold goes on");

#define FAIL(fmt, ...) pr_err("FAIL " fmt "\n", ##__VA_ARGS__)

/*
 * How often who allocates wakes kswapd or kcompactd for a block of pages, or compacts memory.
 * What others do is not counted, such as kswapd's last call before it sleeps: it says nothing
 * of these allocations, and may come at any time.
 */

static struct task_struct *allocating;
static int work_for_blocks;

static void count_work(int order)
{
	if (order > 0 && in_task() && current == allocating)
		work_for_blocks++;
}

static void wakes_kswapd(void *data, int nid, int zid, int order, gfp_t gfp)
{
	count_work(order);
}

static void wakes_kcompactd(void *data, int nid, int order, enum zone_type highest_zoneidx)
{
	count_work(order);
}

static void compacts(void *data, int order, gfp_t gfp, int prio)
{
	count_work(order);
}

static struct probe {
	const char *name;
	void *function;
	struct tracepoint *tracepoint;
} probes[] = {
	{ "mm_vmscan_wakeup_kswapd", wakes_kswapd },
	{ "mm_compaction_wakeup_kcompactd", wakes_kcompactd },
	{ "mm_compaction_try_to_compact_pages", compacts },
};

static void find_tracepoint(struct tracepoint *tp, void *data)
{
	for (int i = 0; i < ARRAY_SIZE(probes); i++) {
		if (!strcmp(tp->name, probes[i].name))
			probes[i].tracepoint = tp;
	}
}

static void unregister_probes(int nr)
{
	while (nr--)
		tracepoint_probe_unregister(probes[nr].tracepoint, probes[nr].function, NULL);
	tracepoint_synchronize_unregister();
}

static int register_probes(void)
{
	int err;

	for_each_kernel_tracepoint(find_tracepoint, NULL);
	for (int i = 0; i < ARRAY_SIZE(probes); i++) {
		err = -ENOENT;
		if (probes[i].tracepoint)
			err = tracepoint_probe_register(probes[i].tracepoint, probes[i].function,
							NULL);
		if (err) {
			FAIL("tracepoint %s: error %d", probes[i].name, err);
			unregister_probes(i);
			return err;
		}
	}
	return 0;
}

/* Fragmentation */

#define BLOCK_ORDER	4

static LIST_HEAD(held);

/* Of each block one page stays, which nobody can move. */
static int fragment(void)
{
	/* All there is, reserves included */
	const gfp_t gfp = (GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY | __GFP_MEMALLOC) &
			  ~__GFP_RECLAIM;
	unsigned long blocks = 0;
	struct page *page;
	LIST_HEAD(spare);

	while ((page = alloc_pages(gfp, BLOCK_ORDER))) {
		split_page(page, BLOCK_ORDER);
		list_add(&page->lru, &held);
		for (int i = 1; i < 1 << BLOCK_ORDER; i++)
			list_add(&page[i].lru, &spare);
		blocks++;
		cond_resched();
	}
	while (!list_empty(&spare)) {
		page = list_first_entry(&spare, struct page, lru);
		list_del(&page->lru);
		__free_page(page);
	}
	pr_info("fragmented: a page of each of %lu blocks is held\n", blocks);
	return 0;
}

static void defragment(void)
{
	while (!list_empty(&held)) {
		struct page *page = list_first_entry(&held, struct page, lru);

		list_del(&page->lru);
		__free_page(page);
	}
}

static int take_large_objects(const char *backing, slab_flags_t flags)
{
	void **objs = kvcalloc(objects, sizeof(*objs), GFP_KERNEL);
	unsigned int nr, bad = 0;
	struct kmem_cache *s;

	s = kmem_cache_create("slab_area_large", SZ_1M, NULL, flags | SLAB_NO_MERGE);
	if (!objs || !s) {
		kvfree(objs);
		kmem_cache_destroy(s);
		return -ENOMEM;
	}
	work_for_blocks = 0;
	allocating = current;
	for (nr = 0; nr < objects; nr++) {
		objs[nr] = kmem_cache_alloc(s, GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY);
		if (!objs[nr])
			break;
		for (unsigned long i = 0; i < SZ_1M; i += PAGE_SIZE)
			*(unsigned long *)(objs[nr] + i) = nr + i;
		cond_resched();
	}
	allocating = NULL;
	pr_info("%s: %u of %u objects, work for blocks of pages %d times\n",
		backing, nr, objects, work_for_blocks);
	for (unsigned int n = 0; n < nr; n++) {
		for (unsigned long i = 0; i < SZ_1M; i += PAGE_SIZE)
			bad += *(unsigned long *)(objs[n] + i) != n + i;
		kmem_cache_free(s, objs[n]);
		cond_resched();
	}
	if (bad)
		FAIL("%s: %u pages of objects were overwritten", backing, bad);
	kmem_cache_destroy(s);
	kvfree(objs);
	return 0;
}

/* Producers and consumers. With a destructor, KASAN puts no object in quarantine. */

#define FLOW_SIZE	SZ_16K
#define FLOW_OBJECTS	200000
/* Less than a barn holds, for a host that lets one of the two run at a time */
#define FLOW_AHEAD	32

static int nothing_to_construct(void *object, void *private, gfp_t gfp) { return 0; }
static void nothing_to_destruct(void *object, void *private) { }

struct flow {
	struct kmem_cache *s;
	struct ptr_ring ring;
	struct completion done;
	struct task_struct *tasks[2];
	unsigned long freed;
	bool failed;
};

static int produce(void *data)
{
	struct flow *f = data;

	for (unsigned long n = 0; n < FLOW_OBJECTS; n++) {
		void *object = kmem_cache_alloc(f->s, GFP_KERNEL);

		if (!object) {
			f->failed = true;
			break;
		}
		*(unsigned long *)object = n;
		while (ptr_ring_produce(&f->ring, object))
			cond_resched();
	}
	while (ptr_ring_produce(&f->ring, f))	/* the end */
		cond_resched();
	complete(&f->done);
	return 0;
}

static int consume(void *data)
{
	struct flow *f = data;
	void *object;

	for (;;) {
		object = ptr_ring_consume(&f->ring);
		if (!object) {
			cond_resched();
			continue;
		}
		if (object == f)
			break;
		if (*(unsigned long *)object != f->freed)
			f->failed = true;
		kmem_cache_free(f->s, object);
		f->freed++;
	}
	complete(&f->done);
	return 0;
}

static int flow(void)
{
	struct kmem_cache_args args = {
		.construct = nothing_to_construct,
		.destruct = nothing_to_destruct,
	};
	struct flow *flows = kcalloc(2, sizeof(*flows), GFP_KERNEL);
	struct kmem_cache *s = kmem_cache_create("slab_area_flow", FLOW_SIZE, &args, SLAB_VMALLOC);
	unsigned long freed = 0;
	int err = -ENOMEM;

	if (!flows || !s)
		goto out;
	for (int i = 0; i < 2; i++) {
		flows[i].s = s;
		init_completion(&flows[i].done);
		if (ptr_ring_init(&flows[i].ring, FLOW_AHEAD, GFP_KERNEL))
			goto out;
		flows[i].tasks[0] = kthread_create(produce, &flows[i], "slab_area/p%d", i);
		flows[i].tasks[1] = kthread_create(consume, &flows[i], "slab_area/c%d", i);
		if (IS_ERR(flows[i].tasks[0]) || IS_ERR(flows[i].tasks[1]))
			goto out;	/* what was created stays; the test failed */
		kthread_bind(flows[i].tasks[0], i);
		kthread_bind(flows[i].tasks[1], 2 + i);
	}
	for (int i = 0; i < 4; i++)
		wake_up_process(flows[i / 2].tasks[i % 2]);
	err = 0;
	for (int i = 0; i < 2; i++) {
		wait_for_completion(&flows[i].done);
		wait_for_completion(&flows[i].done);
		freed += flows[i].freed;
		if (flows[i].failed)
			FAIL("flow %d: an allocation failed, or an object is another's", i);
		ptr_ring_cleanup(&flows[i].ring, NULL);
	}
	pr_info("flow: %lu objects freed\n", freed);
out:
	kmem_cache_destroy(s);
	kfree(flows);
	return err;
}

/* Objects under pressure. The caches live as long as the module. */

static const struct held_size {
	unsigned int size;
	const char *name;
} held_sizes[] = {
	{ SZ_16K, "slab_area_16k" }, { SZ_64K, "slab_area_64k" },
	{ SZ_256K, "slab_area_256k" }, { SZ_1M, "slab_area_1m" },
};

static struct kmem_cache *held_caches[ARRAY_SIZE(held_sizes)];

struct held_object {
	unsigned long *words;
	unsigned long stamp;
	int type;
};

#define MAX_HELD	4096

static int construct_held(void *object, void *private, gfp_t gfp)
{
	unsigned long *words = object;

	words[1] = (unsigned long)object;
	return 0;
}

static void destruct_held(void *object, void *private)
{
	unsigned long *words = object;

	if (words[1] != (unsigned long)object)
		FAIL("hold: an object of %s was destructed that is not constructed",
		     (const char *)private);
	words[1] = 0;
}

/* The first word and one in each page; the second is the constructor's. */
static void stamp_object(struct held_object *o)
{
	unsigned long pages = held_sizes[o->type].size / PAGE_SIZE;

	for (unsigned long i = 0; i < pages; i++)
		o->words[i * (PAGE_SIZE / sizeof(long))] = o->stamp + i;
}

static bool object_is_intact(const struct held_object *o)
{
	unsigned long pages = held_sizes[o->type].size / PAGE_SIZE;

	for (unsigned long i = 0; i < pages; i++) {
		if (o->words[i * (PAGE_SIZE / sizeof(long))] != o->stamp + i)
			return false;
	}
	return o->words[1] == (unsigned long)o->words;
}

static void put_held(struct held_object *o)
{
	if (!object_is_intact(o))
		FAIL("hold: an object of %s is not what it was", held_sizes[o->type].name);
	kmem_cache_free(held_caches[o->type], o->words);
}

static int hold(void)
{
	/* Some can wait for memory, some cannot, and all are the writer's cgroup's. */
	static const gfp_t gfps[] = { GFP_KERNEL_ACCOUNT, GFP_NOFS | __GFP_ACCOUNT,
				      GFP_NOWAIT | __GFP_ACCOUNT };
	unsigned long end = jiffies + hold_seconds * HZ, kib = 0, made = 0, failed = 0;
	struct held_object *held = kvcalloc(MAX_HELD, sizeof(*held), GFP_KERNEL);
	unsigned int nr = 0;

	if (!held)
		return -ENOMEM;
	while (time_before(jiffies, end) && !fatal_signal_pending(current)) {
		struct held_object o = { .type = get_random_u32_below(ARRAY_SIZE(held_sizes)) };
		unsigned int i, size_kib = held_sizes[o.type].size / SZ_1K;

		while (nr && (nr == MAX_HELD || kib + size_kib > READ_ONCE(hold_kib) ||
			      get_random_u32_below(8) == 0)) {
			i = get_random_u32_below(nr);
			put_held(&held[i]);
			kib -= held_sizes[held[i].type].size / SZ_1K;
			held[i] = held[--nr];
		}
		o.words = kmem_cache_alloc(held_caches[o.type],
					   gfps[get_random_u32_below(ARRAY_SIZE(gfps))] | __GFP_NOWARN);
		if (!o.words) {
			failed++;
			if (nr) {
				put_held(&held[--nr]);
				kib -= held_sizes[held[nr].type].size / SZ_1K;
			}
			cond_resched();
			continue;
		}
		if (o.words[1] != (unsigned long)o.words)
			FAIL("hold: an object of %s is not constructed", held_sizes[o.type].name);
		o.stamp = get_random_long();
		stamp_object(&o);
		held[nr++] = o;
		kib += size_kib;
		made++;
		cond_resched();
	}
	while (nr)
		put_held(&held[--nr]);
	kvfree(held);
	pr_info("hold: %lu objects, %lu allocations failed%s\n", made, failed,
		fatal_signal_pending(current) ? ", killed" : "");
	return 0;
}

/* Not a parameter, as those are written by one at a time. */
static ssize_t hold_write(struct file *file, const char __user *what, size_t len, loff_t *pos)
{
	int err = hold();

	return err ?: len;
}

static const struct proc_ops hold_ops = { .proc_write = hold_write };

static void destroy_held_caches(void)
{
	for (int i = 0; i < ARRAY_SIZE(held_sizes); i++)
		kmem_cache_destroy(held_caches[i]);
}

static int create_held_caches(void)
{
	for (int i = 0; i < ARRAY_SIZE(held_sizes); i++) {
		struct kmem_cache_args args = {
			.construct = construct_held,
			.destruct = destruct_held,
			.private = (void *)held_sizes[i].name,
		};

		held_caches[i] = kmem_cache_create(held_sizes[i].name, held_sizes[i].size,
						   &args, SLAB_VMALLOC);
		if (!held_caches[i]) {
			destroy_held_caches();
			return -ENOMEM;
		}
	}
	return 0;
}

static int run(const char *what, const struct kernel_param *kp)
{
	if (sysfs_streq(what, "fragment"))
		return fragment();
	if (sysfs_streq(what, "vmalloc"))
		return take_large_objects("vmalloc", SLAB_VMALLOC);
	if (sysfs_streq(what, "pages"))
		return take_large_objects("pages", 0);
	if (sysfs_streq(what, "flow"))
		return flow();
	if (!sysfs_streq(what, "defragment"))
		return -EINVAL;
	defragment();
	return 0;
}

static const struct kernel_param_ops run_ops = { .set = run };
module_param_cb(run, &run_ops, NULL, 0200);
MODULE_PARM_DESC(run, "fragment, vmalloc, pages, defragment or flow");

static int __init slab_area_init(void)
{
	int err;

	err = create_held_caches();
	if (err)
		return err;
	if (!proc_create("slab_area_hold", 0200, NULL, &hold_ops)) {
		err = -ENOMEM;
		goto destroy_caches;
	}
	err = register_probes();
	if (err)
		goto remove_proc;
	return 0;

remove_proc:
	remove_proc_entry("slab_area_hold", NULL);
destroy_caches:
	destroy_held_caches();
	return err;
}
module_init(slab_area_init);

static void __exit slab_area_exit(void)
{
	unregister_probes(ARRAY_SIZE(probes));
	remove_proc_entry("slab_area_hold", NULL);
	destroy_held_caches();
	defragment();
}
module_exit(slab_area_exit);

MODULE_DESCRIPTION("Slab caches backed by vmalloc areas, for the boot scenarios");
MODULE_LICENSE("GPL");

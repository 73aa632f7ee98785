// SPDX-License-Identifier: GPL-2.0
/*
 * Slab caches backed by vmalloc areas, where memory is fragmented, and where objects
 * are freed on other CPUs than they were allocated on; for the boot scenarios.
 *
 * What to do is written to the parameter "run":
 *
 *	fragment	leave no free block of pages of order 4 or more
 *	vmalloc, pages	allocate @objects objects of 1 MiB from a cache with that backing,
 *			check and free them; says how many there were, and how often kswapd
 *			was woken for blocks
 *	defragment	the opposite of fragment
 *	flow		for a while, CPUs 0 and 1 allocate what CPUs 2 and 3 free
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/ptr_ring.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/vmalloc.h>

static unsigned int objects = 1000;
module_param(objects, uint, 0644);
MODULE_PARM_DESC(objects, "objects of 1 MiB to allocate");

#define FAIL(fmt, ...) pr_err("FAIL " fmt "\n", ##__VA_ARGS__)

/* How often kswapd is asked for a block of pages */

static atomic_t wakeups = ATOMIC_INIT(0);
static struct tracepoint *wakeup_tracepoint;

static void count_wakeup(void *data, int nid, int zid, int order, gfp_t gfp)
{
	if (order > 0)
		atomic_inc(&wakeups);
}

static void find_tracepoint(struct tracepoint *tp, void *found)
{
	if (!strcmp(tp->name, "mm_vmscan_wakeup_kswapd"))
		*(struct tracepoint **)found = tp;
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
	atomic_set(&wakeups, 0);
	for (nr = 0; nr < objects; nr++) {
		objs[nr] = kmem_cache_alloc(s, GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY);
		if (!objs[nr])
			break;
		for (unsigned long i = 0; i < SZ_1M; i += PAGE_SIZE)
			*(unsigned long *)(objs[nr] + i) = nr + i;
		cond_resched();
	}
	pr_info("%s: %u of %u objects, kswapd woken %d times for a block of pages\n",
		backing, nr, objects, atomic_read(&wakeups));
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
		if (ptr_ring_init(&flows[i].ring, 256, GFP_KERNEL))
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
	for_each_kernel_tracepoint(find_tracepoint, &wakeup_tracepoint);
	if (!wakeup_tracepoint)
		return -ENOENT;
	return tracepoint_probe_register(wakeup_tracepoint, count_wakeup, NULL);
}
module_init(slab_area_init);

static void __exit slab_area_exit(void)
{
	tracepoint_probe_unregister(wakeup_tracepoint, count_wakeup, NULL);
	tracepoint_synchronize_unregister();
	defragment();
}
module_exit(slab_area_exit);

MODULE_DESCRIPTION("Slab caches backed by vmalloc areas, for the boot scenarios");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/*
 * Code as it is ported from Solaris: a small file system's way of writing, on caches, task
 * queues, condition variables, locks and statistics, for the boot scenarios.
 *
 * Nodes and their buffers come from caches.  A node is filled by the one who runs, handed
 * to a task queue that sums its buffer up, and waited for, its oldest first, when there are
 * as many as may be on their way.  Every node is checked: it must come back summed up, once,
 * and in the state in which its constructor left it.  What is done is drawn from @seed.
 *
 * Whatever goes wrong is reported as "solaris_client: FAIL ...".
 *
 * No header of Linux is needed but for what makes it a module.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

#include <sys/types.h>
#include <sys/condvar.h>
#include <sys/disp.h>
#include <sys/kmem.h>
#include <sys/kstat.h>
#include <sys/mutex.h>
#include <sys/rwlock.h>
#include <sys/taskq.h>
#include <sys/time.h>
#include <sys/vmem.h>

static ulong_t seed = 1;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "what the choice of operations starts from");

static bool leak;
module_param(leak, bool, 0444);
MODULE_PARM_DESC(leak, "leave some memory and a cache behind, which must be reported");

#define NODES		64		/* on their way at a time */
#define BUFFER		(256 * 1024)
#define NODE_MAGIC	0x5011a215UL

typedef struct node {
	ulong_t n_magic;	/* constructed: NODE_MAGIC */
	kmutex_t n_lock;
	kcondvar_t n_cv;
	krwlock_t n_rwlock;	/* n_buffer */
	boolean_t n_done;	/* n_lock */
	uint64_t n_sum;		/* n_lock: what the task found */
	uint64_t n_expected;
	uint64_t *n_buffer;
	char *n_name;
	taskqid_t n_id;
	taskq_ent_t n_ent;	/* for those that are dispatched with it */
	boolean_t n_prealloc;
} node_t;

static kmem_cache_t *node_cache, *buffer_cache;
static taskq_t *sum_taskq;
static uint_t failures;

static kmutex_t stats_lock;
static kstat_t *stats_ksp, *io_ksp, *nodes_ksp;
static struct {
	kstat_named_t submitted;
	kstat_named_t summed;
	kstat_named_t cancelled;
	kstat_named_t reaps;
	kstat_named_t state;
} stats;

static kmutex_t window_lock;
static node_t *window[NODES];	/* window_lock: on their way, oldest first */
static int window_len;

#define FAIL(fmt, ...) do {						\
	if (failures++ < 10)						\
		pr_err("FAIL " fmt "\n", ##__VA_ARGS__);		\
} while (0)

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

/* Nodes */

static int node_construct(void *buf, void *priv, int kmflags)
{
	node_t *node = buf;

	memset(node, 0, sizeof(*node));
	mutex_init(&node->n_lock, NULL, MUTEX_DEFAULT, NULL);
	cv_init(&node->n_cv, NULL, CV_DEFAULT, NULL);
	rw_init(&node->n_rwlock, NULL, RW_DEFAULT, NULL);
	taskq_init_ent(&node->n_ent);
	node->n_magic = NODE_MAGIC;
	return 0;
}

static void node_destruct(void *buf, void *priv)
{
	node_t *node = buf;

	if (node->n_magic != NODE_MAGIC || node->n_buffer || node->n_done)
		FAIL("destruct of a node that is in use");
	mutex_destroy(&node->n_lock);
	cv_destroy(&node->n_cv);
	rw_destroy(&node->n_rwlock);
	node->n_magic = 0;
}

/* What is on its way cannot be spared, and there is nothing else. */
static void node_reclaim(void *priv)
{
	mutex_enter(&stats_lock);
	stats.reaps.value.ui64++;
	mutex_exit(&stats_lock);
}

static node_t *node_new(uint64_t *random)
{
	node_t *node = kmem_cache_alloc(node_cache, KM_SLEEP);
	uint64_t i;

	if (node->n_magic != NODE_MAGIC || node->n_done || node->n_buffer ||
	    !taskq_empty_ent(&node->n_ent))
		FAIL("a node is not as it was constructed");
	rw_enter(&node->n_rwlock, RW_WRITER);
	node->n_buffer = kmem_cache_alloc(buffer_cache,
					  next_random(random) % 2 ? KM_SLEEP : KM_PUSHPAGE);
	node->n_expected = 0;
	for (i = 0; i < BUFFER / sizeof(uint64_t); i += 512) {
		node->n_buffer[i] = next_random(random);
		node->n_expected += node->n_buffer[i];
	}
	rw_downgrade(&node->n_rwlock);
	if (!RW_READ_HELD(&node->n_rwlock))
		FAIL("a lock is not held after it was downgraded");
	rw_exit(&node->n_rwlock);
	node->n_name = kmem_asprintf("node-%llu", (u_longlong_t)node->n_expected);
	return node;
}

static void node_free(node_t *node)
{
	kmem_strfree(node->n_name);
	kmem_cache_free(buffer_cache, node->n_buffer);
	node->n_buffer = NULL;
	node->n_done = B_FALSE;
	node->n_id = 0;
	kmem_cache_free(node_cache, node);
}

/* The task: sums a buffer up */
static void node_sum(void *arg)
{
	node_t *node = arg;
	uint64_t i, sum = 0;

	mutex_enter(&stats_lock);
	kstat_waitq_to_runq(KSTAT_IO_PTR(io_ksp));
	mutex_exit(&stats_lock);

	if (!taskq_member(sum_taskq, current))
		FAIL("a task runs elsewhere");
	rw_enter(&node->n_rwlock, RW_READER);
	for (i = 0; i < BUFFER / sizeof(uint64_t); i += 512)
		sum += node->n_buffer[i];
	rw_exit(&node->n_rwlock);

	mutex_enter(&stats_lock);
	stats.summed.value.ui64++;
	kstat_runq_exit(KSTAT_IO_PTR(io_ksp));
	KSTAT_IO_PTR(io_ksp)->nread += BUFFER;
	KSTAT_IO_PTR(io_ksp)->reads++;
	mutex_exit(&stats_lock);

	/* The node belongs to who waits, from here on. */
	mutex_enter(&node->n_lock);
	if (node->n_done)
		FAIL("%s was summed up twice", node->n_name);
	node->n_sum = sum;
	node->n_done = B_TRUE;
	cv_signal(&node->n_cv);
	mutex_exit(&node->n_lock);
}

static void node_submit(node_t *node, uint64_t *random)
{
	mutex_enter(&stats_lock);
	stats.submitted.value.ui64++;
	kstat_waitq_enter(KSTAT_IO_PTR(io_ksp));
	mutex_exit(&stats_lock);

	node->n_prealloc = next_random(random) % 4 == 0;
	if (node->n_prealloc)
		taskq_dispatch_ent(sum_taskq, node_sum, node, 0, &node->n_ent);
	else if (next_random(random) % 8 == 0)
		node->n_id = taskq_dispatch_delay(sum_taskq, node_sum, node, TQ_SLEEP,
						  ddi_get_lbolt() + next_random(random) % 4);
	else
		node->n_id = taskq_dispatch(sum_taskq, node_sum, node, TQ_SLEEP);
	if (!node->n_prealloc && !node->n_id)
		FAIL("%s was not dispatched", node->n_name);
}

/* Whether a node was taken back before it was summed up */
static boolean_t node_cancel(node_t *node)
{
	if (node->n_prealloc || taskq_cancel_id(sum_taskq, node->n_id, B_FALSE) != 0)
		return B_FALSE;
	mutex_enter(&stats_lock);
	kstat_waitq_exit(KSTAT_IO_PTR(io_ksp));
	stats.cancelled.value.ui64++;
	mutex_exit(&stats_lock);
	return B_TRUE;
}

static void node_wait(node_t *node, uint64_t *random)
{
	if (next_random(random) % 16 == 0 && node_cancel(node))
		return;
	mutex_enter(&node->n_lock);
	while (!node->n_done) {
		/* not of 64 bits: i386 has no such division by a number that is no power of two */
		switch ((uint_t)next_random(random) % 3) {
		case 0:
			cv_wait_io(&node->n_cv, &node->n_lock);
			break;
		case 1:
			(void)cv_timedwait(&node->n_cv, &node->n_lock, ddi_get_lbolt() + hz);
			break;
		case 2:
			(void)cv_timedwait_hires(&node->n_cv, &node->n_lock, MSEC2NSEC(20),
						 USEC2NSEC(100), 0);
			break;
		}
	}
	if (node->n_sum != node->n_expected)
		FAIL("%s: %llx, not %llx", node->n_name, (u_longlong_t)node->n_sum,
		     (u_longlong_t)node->n_expected);
	mutex_exit(&node->n_lock);
}

/* The oldest, and those after it move up; with window_lock held */
static node_t *window_pop(void)
{
	node_t *node = window[0];

	window_len--;
	memmove(&window[0], &window[1], window_len * sizeof(window[0]));
	return node;
}

static void submit_and_wait(int nodes, uint64_t *random)
{
	fstrans_cookie_t cookie = spl_fstrans_mark();

	mutex_enter(&window_lock);
	while (nodes-- > 0) {
		if (window_len == NODES) {
			node_t *oldest = window_pop();

			node_wait(oldest, random);
			node_free(oldest);
		}
		window[window_len] = node_new(random);
		node_submit(window[window_len], random);
		window_len++;
		if (next_random(random) % 512 == 0)
			kmem_cache_reap_now(node_cache);
	}
	while (window_len > 0) {
		node_t *oldest = window_pop();

		node_wait(oldest, random);
		node_free(oldest);
	}
	mutex_exit(&window_lock);
	spl_fstrans_unmark(cookie);
	taskq_wait(sum_taskq);
}

/* Statistics */

static int stats_update(kstat_t *ksp, int rw)
{
	if (!MUTEX_HELD(&stats_lock))
		FAIL("a statistic is updated without its lock");
	if (rw == KSTAT_WRITE) {
		stats.reaps.value.ui64 = 0;
		return 0;
	}
	kstat_named_setstr(&stats.state, kmem_cache_reap_active() ? "reaping" : "not reaping");
	return 0;
}

static int node_rows_headers(char *buf, size_t size)
{
	(void)snprintf(buf, size, "%-24s %s\n", "node", "id");
	return 0;
}

static int node_rows_data(char *buf, size_t size, void *data)
{
	node_t *node = data;

	(void)snprintf(buf, size, "%-24s %llu\n", node->n_name, (u_longlong_t)node->n_id);
	return 0;
}

static void *node_rows_addr(kstat_t *ksp, loff_t n)
{
	return n < window_len ? window[n] : NULL;
}

static boolean_t stats_init(void)
{
	kstat_named_init(&stats.submitted, "submitted", KSTAT_DATA_UINT64);
	kstat_named_init(&stats.summed, "summed", KSTAT_DATA_UINT64);
	kstat_named_init(&stats.cancelled, "cancelled", KSTAT_DATA_UINT64);
	kstat_named_init(&stats.reaps, "reaps", KSTAT_DATA_UINT64);
	kstat_named_init(&stats.state, "state", KSTAT_DATA_STRING);

	stats_ksp = kstat_create("solaris_client", 0, "stats", "misc", KSTAT_TYPE_NAMED,
				 sizeof(stats) / sizeof(kstat_named_t),
				 KSTAT_FLAG_VIRTUAL | KSTAT_FLAG_WRITABLE);
	io_ksp = kstat_create("solaris_client/queue", 0, "io", "disk", KSTAT_TYPE_IO, 1, 0);
	nodes_ksp = kstat_create("solaris_client", 0, "nodes", "misc", KSTAT_TYPE_RAW, 0,
				 KSTAT_FLAG_VIRTUAL);
	if (!stats_ksp || !io_ksp || !nodes_ksp)
		return B_FALSE;
	stats_ksp->ks_data = &stats;
	stats_ksp->ks_lock = &stats_lock;
	stats_ksp->ks_update = stats_update;
	io_ksp->ks_lock = &stats_lock;
	nodes_ksp->ks_lock = &window_lock;
	kstat_set_raw_ops(nodes_ksp, node_rows_headers, node_rows_data, node_rows_addr);
	kstat_install(stats_ksp);
	kstat_install(io_ksp);
	kstat_install(nodes_ksp);
	return B_TRUE;
}

static void stats_fini(void)
{
	kstat_delete(nodes_ksp);
	kstat_delete(io_ksp);
	kstat_delete(stats_ksp);
}

static void check_idle(void)
{
	kstat_io_t *io = KSTAT_IO_PTR(io_ksp);

	kmem_reap();
	if (spl_kmem_cache_inuse(node_cache) || spl_kmem_cache_inuse(buffer_cache))
		FAIL("%llu nodes and %llu buffers are in use",
		     (u_longlong_t)spl_kmem_cache_inuse(node_cache),
		     (u_longlong_t)spl_kmem_cache_inuse(buffer_cache));
	if (stats.submitted.value.ui64 != stats.summed.value.ui64 + stats.cancelled.value.ui64)
		FAIL("%llu submitted, %llu summed up, %llu cancelled",
		     (u_longlong_t)stats.submitted.value.ui64,
		     (u_longlong_t)stats.summed.value.ui64,
		     (u_longlong_t)stats.cancelled.value.ui64);
	if (io->wcnt || io->rcnt || io->reads != stats.summed.value.ui64 ||
	    io->wlentime < io->wtime)
		FAIL("queue: %u wait, %u run, %u read", io->wcnt, io->rcnt, io->reads);
}

/* The parameter: as many nodes, written by the one who writes it */
static boolean_t ready;
static kmutex_t run_lock;
static uint64_t random_state;

static int set_run(const char *val, const struct kernel_param *kp)
{
	int nodes, err = kstrtoint(val, 0, &nodes);

	if (err)
		return err;
	if (!ready)
		return -EAGAIN;
	mutex_enter(&run_lock);
	submit_and_wait(nodes, &random_state);
	check_idle();
	mutex_exit(&run_lock);
	return 0;
}

static const struct kernel_param_ops run_ops = { .set = set_run };
module_param_cb(run, &run_ops, NULL, 0200);
MODULE_PARM_DESC(run, "write so many nodes");

static void fini(void)
{
	if (sum_taskq)
		taskq_destroy(sum_taskq);
	stats_fini();
	kmem_cache_destroy(buffer_cache);
	kmem_cache_destroy(node_cache);
	mutex_destroy(&run_lock);
	mutex_destroy(&window_lock);
	mutex_destroy(&stats_lock);
	pr_info("%s, seed %lu\n", failures ? "FAIL" : "ok", seed);
}

static int __init solaris_client_init(void)
{
	random_state = seed;
	mutex_init(&stats_lock, NULL, MUTEX_DEFAULT, NULL);
	mutex_init(&window_lock, NULL, MUTEX_DEFAULT, NULL);
	mutex_init(&run_lock, NULL, MUTEX_DEFAULT, NULL);
	node_cache = kmem_cache_create("solaris client node", sizeof(node_t), 0, node_construct,
				       node_destruct, node_reclaim, NULL, NULL, KMC_RECLAIMABLE);
	buffer_cache = kmem_cache_create("solaris_client_buffer", BUFFER, PAGE_SIZE, NULL, NULL,
					 NULL, NULL, NULL, KMC_KVMEM);
	sum_taskq = taskq_create("solaris_client", 4, defclsyspri, 8, 256,
				 TASKQ_PREPOPULATE | TASKQ_DYNAMIC);
	if (!node_cache || !buffer_cache || !sum_taskq || !stats_init()) {
		fini();
		return -ENOMEM;
	}
	ready = B_TRUE;
	pr_info("seed %lu\n", seed);
	return 0;
}
module_init(solaris_client_init);

static void *leaked;	/* or whoever called us would be who allocates */

static void leave_things(void)
{
	kmem_cache_t *cache = kmem_cache_create("solaris_client_left", sizeof(node_t), 0,
						node_construct, node_destruct, NULL, NULL, NULL, 0);

	WRITE_ONCE(leaked, kmem_alloc(4242, KM_SLEEP));
	/* Free objects, whose destructor will be gone */
	if (cache)
		kmem_cache_free(cache, kmem_cache_alloc(cache, KM_SLEEP));
}

static void __exit solaris_client_exit(void)
{
	/* The parameter can still be written. */
	mutex_enter(&run_lock);
	ready = B_FALSE;
	mutex_exit(&run_lock);
	check_idle();
	fini();
	if (leak)
		leave_things();
}
module_exit(solaris_client_exit);

MODULE_DESCRIPTION("Code as it is ported from Solaris");
MODULE_LICENSE("GPL");

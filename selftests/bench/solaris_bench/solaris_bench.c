// SPDX-License-Identifier: GPL-2.0
/*
 * What the Solaris interfaces cost, for scripts/bench (see bench.h), and (NAME_linux) what
 * the kernel's own take for the same: the least of several rounds.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/slab.h>

#include <sys/condvar.h>
#include <sys/kmem.h>
#include <sys/mutex.h>
#include <sys/rwlock.h>

#include "../bench.h"

static unsigned int loops = 2000;
module_param(loops, uint, 0);
MODULE_PARM_DESC(loops, "operations in a round");

static unsigned int rounds = 10;
module_param(rounds, uint, 0);
MODULE_PARM_DESC(rounds, "rounds, of which the least is taken");

/* What a file system's objects are like */
struct object {
	kmutex_t mutex;
	krwlock_t rwlock;
	kcondvar_t cv;
	char rest[64];
};

static int construct_nothing(void *obj, void *priv, int kmflags)
{
	return 0;
}

static void destruct_nothing(void *obj, void *priv)
{
}

static int construct_object(void *obj, void *priv, int kmflags)
{
	struct object *o = obj;

	mutex_init(&o->mutex, NULL, MUTEX_DEFAULT, NULL);
	rw_init(&o->rwlock, NULL, RW_DEFAULT, NULL);
	cv_init(&o->cv, NULL, CV_DEFAULT, NULL);
	return 0;
}

static void destruct_object(void *obj, void *priv)
{
	struct object *o = obj;

	mutex_destroy(&o->mutex);
	rw_destroy(&o->rwlock);
	cv_destroy(&o->cv);
}

static int linux_construct_nothing(void *obj, void *priv, gfp_t gfp)
{
	return 0;
}

static int linux_construct_object(void *obj, void *priv, gfp_t gfp)
{
	return construct_object(obj, priv, KM_SLEEP);
}

struct bench {
	const char *name;
	u64 (*round)(const struct bench *b);	/* cost of all loops; U64_MAX: failed */
	size_t size;
	int flags;		/* KMC_ */
	bool constructed;	/* with functions that do nothing; of objects, with theirs */
	struct kmem_cache *s;
	kmem_cache_t *cache;
};

static bool of_objects(const struct bench *b)
{
	return b->size == sizeof(struct object);
}

/* The kernel's own */
static u64 linux_pairs(const struct bench *b)
{
	u64 t = now();

	for (unsigned int i = 0; i < loops; i++) {
		void *p = kmem_cache_alloc(b->s, GFP_KERNEL);

		if (!p)
			return U64_MAX;
		kmem_cache_free(b->s, p);
	}
	return now() - t;
}

static u64 pairs(const struct bench *b)
{
	u64 t = now();

	for (unsigned int i = 0; i < loops; i++)
		kmem_cache_free(b->cache, kmem_cache_alloc(b->cache, KM_SLEEP));
	return now() - t;
}

static u64 nosleep_pairs(const struct bench *b)
{
	u64 t = now();

	for (unsigned int i = 0; i < loops; i++) {
		void *p = kmem_cache_alloc(b->cache, KM_NOSLEEP);

		if (!p)
			return U64_MAX;
		kmem_cache_free(b->cache, p);
	}
	return now() - t;
}

static u64 kmalloc_pairs(const struct bench *b)
{
	size_t size = b->size;
	u64 t = now();

	for (unsigned int i = 0; i < loops; i++) {
		OPTIMIZER_HIDE_VAR(size);
		kfree(kmalloc(size, GFP_KERNEL));
	}
	return now() - t;
}

static u64 kmem_alloc_pairs(const struct bench *b)
{
	size_t size = b->size;
	u64 t = now();

	for (unsigned int i = 0; i < loops; i++) {
		OPTIMIZER_HIDE_VAR(size);
		kmem_free(kmem_alloc(size, KM_SLEEP), size);
	}
	return now() - t;
}

static struct object shared;

static u64 linux_mutex_pairs(const struct bench *b)
{
	static DEFINE_MUTEX(mutex);
	u64 t = now();

	for (unsigned int i = 0; i < loops; i++) {
		mutex_lock(&mutex);
		mutex_unlock(&mutex);
	}
	return now() - t;
}

static u64 mutex_pairs(const struct bench *b)
{
	u64 t = now();

	for (unsigned int i = 0; i < loops; i++) {
		mutex_enter(&shared.mutex);
		mutex_exit(&shared.mutex);
	}
	return now() - t;
}

static u64 linux_rwsem_pairs(const struct bench *b)
{
	static DECLARE_RWSEM(rwsem);
	u64 t = now();

	for (unsigned int i = 0; i < loops; i++) {
		if (b->flags) {
			down_write(&rwsem);
			up_write(&rwsem);
		} else {
			down_read(&rwsem);
			up_read(&rwsem);
		}
	}
	return now() - t;
}

static u64 rwlock_pairs(const struct bench *b)
{
	u64 t = now();

	for (unsigned int i = 0; i < loops; i++) {
		rw_enter(&shared.rwlock, b->flags ? RW_WRITER : RW_READER);
		rw_exit(&shared.rwlock);
	}
	return now() - t;
}

static u64 idle_signals(const struct bench *b)
{
	u64 t = now();

	for (unsigned int i = 0; i < loops; i++)
		cv_signal(&shared.cv);
	return now() - t;
}

#define PLAIN		.size = 64, .flags = KMC_SLAB
#define CONSTRUCTED	.size = 64, .flags = KMC_SLAB, .constructed = true
#define OBJECT		.size = sizeof(struct object), .flags = KMC_SLAB, .constructed = true
#define AREA(bytes)	.size = bytes, .flags = KMC_KVMEM

static struct bench benches[] = {
	{ "solaris_cache_64_linux", linux_pairs, PLAIN },
	{ "solaris_cache_64", pairs, PLAIN },
	{ "solaris_cache_64_nosleep", nosleep_pairs, PLAIN },
	{ "solaris_cache_64_ctor_linux", linux_pairs, CONSTRUCTED },
	{ "solaris_cache_64_ctor", pairs, CONSTRUCTED },
	{ "solaris_cache_object_linux", linux_pairs, OBJECT },
	{ "solaris_cache_object", pairs, OBJECT },
	{ "solaris_vcache_32k_linux", linux_pairs, AREA(SZ_32K) },
	{ "solaris_vcache_32k", pairs, AREA(SZ_32K) },
	{ "solaris_vcache_256k_linux", linux_pairs, AREA(SZ_256K) },
	{ "solaris_vcache_256k", pairs, AREA(SZ_256K) },
	{ "solaris_kmalloc_512", kmalloc_pairs, .size = 512 },
	{ "solaris_kmem_alloc_512", kmem_alloc_pairs, .size = 512 },
	{ "solaris_mutex_linux", linux_mutex_pairs },
	{ "solaris_mutex", mutex_pairs },
	{ "solaris_rwsem_read_linux", linux_rwsem_pairs },
	{ "solaris_rwlock_read", rwlock_pairs },
	{ "solaris_rwsem_write_linux", linux_rwsem_pairs, .flags = 1 },
	{ "solaris_rwlock_write", rwlock_pairs, .flags = 1 },
	{ "solaris_cv_signal_nobody", idle_signals },
};

static bool make_caches(struct bench *b)
{
	struct kmem_cache_args args = {
		.construct = of_objects(b) ? linux_construct_object : linux_construct_nothing,
		.destruct = of_objects(b) ? destruct_object : destruct_nothing,
	};
	int (*ctor)(void *obj, void *priv, int kmflags);

	ctor = of_objects(b) ? construct_object : construct_nothing;
	if (!b->constructed) {
		args = (struct kmem_cache_args){};
		ctor = NULL;
	}
	b->s = kmem_cache_create("solaris_bench_linux", b->size, &args,
				 SLAB_NO_MERGE | (b->flags & KMC_KVMEM ? SLAB_VMALLOC : 0));
	b->cache = kmem_cache_create("solaris_bench", b->size, 0, ctor, args.destruct, NULL, NULL,
				     NULL, b->flags);
	return b->s && b->cache;
}

static int run(struct bench *b)
{
	bool caches = b->size && b->flags;
	u64 least = U64_MAX;
	int err = 0;

	if (caches && !make_caches(b))
		err = -ENOMEM;
	for (unsigned int i = 0; !err && i < rounds; i++) {
		least = min(least, b->round(b));
		cond_resched();
	}
	if (caches) {
		kmem_cache_destroy(b->s);
		kmem_cache_destroy(b->cache);
	}
	return err ?: print_cost(b->name, least, loops);
}

static int __init solaris_bench_init(void)
{
	construct_object(&shared, NULL, KM_SLEEP);
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
module_init(solaris_bench_init);

static void __exit solaris_bench_exit(void)
{
	destruct_object(&shared, NULL);
}
module_exit(solaris_bench_exit);

MODULE_DESCRIPTION("Cost of the Solaris interfaces");
MODULE_LICENSE("GPL");

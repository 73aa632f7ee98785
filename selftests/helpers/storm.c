// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: storm COUNT CGROUP
 *
 * Processes that are forked, run programs, map memory and end, COUNT in each of
 * two loops for each CPU, where anything may fail for lack of memory: allocations
 * of the kernel are made to (the caller sets up failslab and fail_page_alloc for
 * tasks that ask for it), and the cgroup is small: the OOM killer is to have them,
 * rather than the loops.  What fails is counted, not reported.  Fails when nothing
 * failed, or nothing worked.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), ok;

	if (fd < 0)
		return 0;
	ok = write(fd, text, strlen(text)) > 0;
	close(fd);
	return ok;
}

static void *yield(void *arg)
{
	for (int i = 0; i < 10; i++)
		sched_yield();
	return arg;
}

/* Asked for once: what a process of the cgroup finds in sysfs is charged to that. */
static int cpus;

/* More threads than CPUs: concurrency IDs belong to CPUs then, and not to tasks. */
static void threads(void)
{
	pthread_t ids[128];
	int n;

	for (n = 0; n < 128 && n < 2 * cpus; n++)
		if (pthread_create(&ids[n], NULL, yield, NULL))
			break;
	if (n < 2 * cpus && n < 128)
		_exit(1);
	/* Some of them end before it does, and nobody waits: that may fail, too. */
	yield(NULL);
	_exit(0);
}

/* Some children exec, some map memory, some fork once more, some have threads. */
static void child(int n)
{
	put("/proc/self/oom_score_adj", "0");
	if (n % 4 == 0) {
		execl("/proc/self/exe", "storm", "exit", NULL);
		_exit(1);
	}
	if (n % 4 == 1) {
		size_t len = 1 << (16 + n % 6);
		char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			_exit(1);
		memset(p, n, len);
		munmap(p, len);
	}
	if (n % 4 == 2) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			_exit(1);
	}
	if (n % 4 == 3)
		threads();
	_exit(0);
}

static void loop(int count, int where)
{
	unsigned int worked = 0, failed = 0;

	for (int n = 0; n < count; n++) {
		int status;
		pid_t pid = fork();

		if (!pid)
			child(n);
		if (pid > 0 && waitpid(pid, &status, 0) == pid && !status)
			worked++;
		else
			failed++;
	}
	/* Printing may fail as well by now. */
	put("/proc/self/make-it-fail", "0");
	(void)!write(where, (unsigned int[]){ worked, failed }, 2 * sizeof(int));
	_exit(0);
}

int main(int argc, char **argv)
{
	int results[2];
	unsigned int counts[2], worked = 0, failed = 0;

	if (argc == 2 && !strcmp(argv[1], "exit"))
		_exit(0);
	if (argc != 3)
		return 2;
	cpus = sysconf(_SC_NPROCESSORS_CONF);
	if (pipe(results)) {
		perror("storm: FAIL pipe");
		return 1;
	}
	for (int i = 0; i < 2 * cpus; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("storm: FAIL fork");
			return 1;
		}
		if (pid)
			continue;
		close(results[0]);
		if (!put(argv[2], "0") || !put("/proc/self/oom_score_adj", "-500") ||
		    !put("/proc/self/make-it-fail", "1"))
			_exit(1);
		loop(atoi(argv[1]), results[1]);
	}
	close(results[1]);
	while (read(results[0], counts, sizeof(counts)) == sizeof(counts)) {
		worked += counts[0];
		failed += counts[1];
	}
	while (wait(NULL) > 0)
		;
	printf("storm: %u processes worked, %u failed\n", worked, failed);
	if (!worked || !failed) {
		printf("storm: FAIL that proves nothing\n");
		return 1;
	}
	return 0;
}

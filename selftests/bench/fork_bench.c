// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: fork_bench [CASE...]	(the beginnings of their names)
 *
 * What processes cost, for scripts/bench: fork + exit + wait and vfork + exec
 * + exit + wait, all on CPU 0.  Prints "fork_bench: NAME COST"; COST is per
 * process, the least of several rounds, in ticks of the TSC (instructions
 * under "-icount shift=0").
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define ROUNDS	5
#define LOOPS	200

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void reap(pid_t pid)
{
	int status;

	if (pid < 0)
		die("fork");
	if (waitpid(pid, &status, 0) != pid || status)
		die("waitpid");
}

static void fork_exit(char *self)
{
	pid_t pid = fork();

	(void)self;
	if (!pid)
		_exit(0);
	reap(pid);
}

static void vfork_exec(char *self)
{
	pid_t pid = vfork();

	if (!pid) {
		execl(self, self, "exit", NULL);
		_exit(1);
	}
	reap(pid);
}

static int wanted(const char *name, char **cases)
{
	for (char **c = cases; *c; c++)
		if (!strncmp(name, *c, strlen(*c)))
			return 1;
	return !*cases;
}

static void measure(const char *name, void (*one)(char *), char **argv)
{
	unsigned long long least = -1ULL;

	if (!wanted(name, argv + 1))
		return;
	for (int r = 0; r < ROUNDS; r++) {
		unsigned long long t = __rdtsc();

		for (int i = 0; i < LOOPS; i++)
			one(argv[0]);
		t = __rdtsc() - t;
		if (t < least)
			least = t;
	}
	printf("fork_bench: %s %llu.%llu\n", name, least / LOOPS, least * 10 / LOOPS % 10);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	cpu_set_t cpus;

	if (argc > 1 && !strcmp(argv[1], "exit"))
		_exit(0);
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		die("sched_setaffinity");
	measure("fork_exit_wait", fork_exit, argv);
	measure("vfork_exec_exit_wait", vfork_exec, argv);
	return 0;
}

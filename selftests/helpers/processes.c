// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: processes SECONDS
 *
 * Ordinary use of a kernel: processes that are forked, map and touch memory,
 * run another program, write, rename and remove files, talk through pipes and
 * sockets, start threads, and end.  One such loop for each CPU.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(cond) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "processes: FAIL line %d: %s: %m\n",	\
			__LINE__, #cond);				\
		_exit(1);						\
	}								\
} while (0)

static char buf[16384];

static void files(void)
{
	char dir[64], from[96], to[96];

	sprintf(dir, "/tmp/%d", getpid());
	CHECK(!mkdir(dir, 0700));
	for (int i = 0; i < 8; i++) {
		int fd;

		sprintf(from, "%s/%d", dir, i);
		sprintf(to, "%s/to-%d", dir, i);
		fd = open(from, O_CREAT | O_RDWR, 0600);
		CHECK(fd >= 0);
		CHECK(write(fd, buf, sizeof(buf)) == sizeof(buf));
		CHECK(!close(fd));
		CHECK(!rename(from, to));
		CHECK(!unlink(to));
	}
	CHECK(!rmdir(dir));
}

static void memory(void)
{
	for (int i = 1; i <= 4; i++) {
		size_t len = i * 65536;
		char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(p != MAP_FAILED);
		memset(p, i, len);
		CHECK(!mprotect(p + 4096, 4096, PROT_READ));
		CHECK(!munmap(p, len));
	}
}

static void pipes(void)
{
	int fds[2];

	CHECK(!pipe(fds));
	CHECK(write(fds[1], buf, 4096) == 4096);
	CHECK(read(fds[0], buf, 4096) == 4096);
	close(fds[0]);
	close(fds[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))	/* a kernel without sockets */
		return;
	CHECK(write(fds[1], buf, 4096) == 4096);
	CHECK(read(fds[0], buf, 4096) == 4096);
	close(fds[0]);
	close(fds[1]);
}

static void *thread(void *unused)
{
	memory();
	return unused;
}

static void child(void)
{
	pthread_t t[2];

	files();
	memory();
	pipes();
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, thread, NULL));
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_join(t[i], NULL));
	execl("/proc/self/exe", "processes", "0", NULL);
	CHECK(!"exec");
}

static unsigned int loop(time_t end)
{
	unsigned int n = 0;

	for (; time(NULL) < end; n++) {
		int status;
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (!pid)
			child();
		CHECK(waitpid(pid, &status, 0) == pid && !status);
	}
	return n;
}

int main(int argc, char **argv)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN), failed = 0, status;
	time_t end = time(NULL);

	if (argc != 2)
		return 2;
	if (!atoi(argv[1]))	/* what child() ends in */
		return 0;
	end += atoi(argv[1]);
	for (int i = 0; i < cpus; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (!pid) {
			printf("processes: %u ended\n", loop(end));
			return 0;
		}
	}
	while (wait(&status) > 0)
		failed |= status;
	return !!failed;
}

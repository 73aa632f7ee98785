// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: users_bench [CASE...]	(the beginnings of their names)
 *
 * What users of slab caches with costly objects gain, for scripts/bench; all
 * on CPU 0.  Prints "users_bench: NAME COST", the least of several rounds, in
 * ticks of the TSC (instructions under "-icount shift=0").  COST is that of
 *
 *   pty_open_close		both sides of a pty opened, and closed
 *   mount_umount		a bind mount made, and unmounted
 *   unshare_mounts		a process with a namespace of MOUNTS mounts of its
 *				own, of each mount; fork, exit and wait included
 *   f2fs_ALGORITHM_write_mib	a MiB of /text written to f2fs on /dev/ram0, and synced
 *   f2fs_ALGORITHM_read_mib	a MiB of it read back, from no cache (and compared,
 *				which is not counted)
 *
 * A case whose file, device or filesystem is not there is left out.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define ROUNDS	5
#define LOOPS	200
#define MOUNTS	32

#define MIB		(1UL << 20)
#define F2FS_FILE	(2 * MIB)
#define F2FS_ROUNDS	3
#define F2FS_DIR	"/tmp/f2fs"

static char **cases;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int wanted(const char *name)
{
	for (char **c = cases; *c; c++)
		if (!strncmp(name, *c, strlen(*c)))
			return 1;
	return !*cases;
}

static void print(const char *name, unsigned long long cost, unsigned long units)
{
	if (!wanted(name))
		return;
	printf("users_bench: %s %llu.%llu\n", name, cost / units, cost * 10 / units % 10);
	fflush(stdout);
}

static void measure(const char *name, void (*one)(void), int loops, int units)
{
	unsigned long long least = -1ULL;

	if (!wanted(name))
		return;
	for (int r = 0; r < ROUNDS; r++) {
		unsigned long long t = __rdtsc();

		for (int i = 0; i < loops; i++)
			one();
		t = __rdtsc() - t;
		if (t < least)
			least = t;
	}
	print(name, least, loops * units);
}

static void pty_open_close(void)
{
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), slave, unlock = 0;

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock))
		die("/dev/ptmx");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	if (slave < 0)
		die("TIOCGPTPEER");
	close(slave);
	close(master);
}

static void pty_cases(void)
{
	mkdir("/dev/pts", 0755);
	if (access("/dev/ptmx", R_OK) || mount("devpts", "/dev/pts", "devpts", 0, NULL))
		return;
	measure("pty_open_close", pty_open_close, LOOPS, 1);
}

static void mount_umount(void)
{
	if (mount("/tmp/from", "/tmp/to", NULL, MS_BIND, NULL) || umount("/tmp/to"))
		die("/tmp/to");
}

static void unshare_mounts(void)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(unshare(CLONE_NEWNS) ? 1 : 0);
	if (waitpid(pid, &status, 0) != pid || status)
		die("unshare");
}

static void mount_cases(void)
{
	mkdir("/tmp/from", 0755);
	mkdir("/tmp/to", 0755);
	measure("mount_umount", mount_umount, LOOPS, 1);
	for (int i = 0; i < MOUNTS; i++)
		if (mount("/tmp/from", "/tmp/to", NULL, MS_BIND, NULL))
			die("/tmp/to");
	measure("unshare_mounts", unshare_mounts, LOOPS / 4, MOUNTS);
	for (int i = 0; i < MOUNTS; i++)
		umount("/tmp/to");
}

static void unlink_text(size_t size)
{
	char name[64];

	for (size_t at = 0; at < size; at += F2FS_FILE) {
		snprintf(name, sizeof(name), F2FS_DIR "/%zu.txt", at / F2FS_FILE);
		unlink(name);
	}
	sync();
}

static void write_text(const char *text, size_t size)
{
	char name[64];

	for (size_t at = 0; at < size; at += F2FS_FILE) {
		int fd;

		snprintf(name, sizeof(name), F2FS_DIR "/%zu.txt", at / F2FS_FILE);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0 || write(fd, text + at, F2FS_FILE) != F2FS_FILE)
			die(name);
		close(fd);
	}
	sync();
}

static void read_text(char *buffer, size_t size)
{
	char name[64];

	for (size_t at = 0; at < size; at += F2FS_FILE) {
		int fd;

		snprintf(name, sizeof(name), F2FS_DIR "/%zu.txt", at / F2FS_FILE);
		fd = open(name, O_RDONLY);
		if (fd < 0 || read(fd, buffer + at, F2FS_FILE) != F2FS_FILE)
			die(name);
		close(fd);
	}
}

static void write_string(const char *file, const char *string)
{
	int fd = open(file, O_WRONLY);

	if (fd < 0 || write(fd, string, strlen(string)) < 0)
		die(file);
	close(fd);
}

static void f2fs_round(const char *text, char *buffer, size_t size, unsigned long long least[2])
{
	unsigned long long t = __rdtsc();

	write_text(text, size);
	t = __rdtsc() - t;
	if (t < least[0])
		least[0] = t;

	write_string("/proc/sys/vm/drop_caches", "3");
	memset(buffer, 0, size);
	t = __rdtsc();
	read_text(buffer, size);
	t = __rdtsc() - t;
	if (t < least[1])
		least[1] = t;
	if (memcmp(text, buffer, size)) {
		fprintf(stderr, "users_bench: FAIL f2fs returns something else\n");
		exit(1);
	}
}

static void f2fs_case(const char *algorithm, const char *text, char *buffer, size_t size)
{
	unsigned long long least[2] = { -1ULL, -1ULL };
	char written[64], read[64], options[128];

	snprintf(written, sizeof(written), "f2fs_%s_write_mib", algorithm);
	snprintf(read, sizeof(read), "f2fs_%s_read_mib", algorithm);
	if (!wanted(written) && !wanted(read))
		return;
	snprintf(options, sizeof(options), "background_gc=off,nodiscard,compress_extension=txt,compress_algorithm=%s", algorithm);
	if (mount("/dev/ram0", F2FS_DIR, "f2fs", 0, options))
		return;
	for (int r = 0; r < F2FS_ROUNDS; r++) {
		f2fs_round(text, buffer, size, least);
		unlink_text(size); /* a file keeps the algorithm that it was made with */
	}
	umount(F2FS_DIR);
	print(written, least[0], size / MIB);
	print(read, least[1], size / MIB);
}

static void f2fs_cases(void)
{
	int fd = open("/text", O_RDONLY);
	char *text, *buffer;
	struct stat st;
	size_t size;

	if (fd < 0)
		return;
	if (fstat(fd, &st))
		die("/text");
	size = st.st_size / F2FS_FILE * F2FS_FILE;
	text = malloc(size);
	buffer = malloc(size);
	if (!text || !buffer || read(fd, text, size) != (ssize_t)size)
		die("/text");
	close(fd);
	mkdir(F2FS_DIR, 0755);
	f2fs_case("lz4", text, buffer, size);
	f2fs_case("zstd", text, buffer, size);
}

int main(int argc, char **argv)
{
	cpu_set_t cpus;

	(void)argc;
	cases = argv + 1;
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		die("sched_setaffinity");
	pty_cases();
	mount_cases();
	f2fs_cases();
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: sysfs_fuzz SECONDS SEED DIR...
 *
 * Reads the files of these directories in pieces, and writes them garbage and
 * near misses of what they take, over and over.  Fails on an errno that none
 * of it explains, and on output that is not lines of text.  Directories may
 * vanish in the meantime.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_FILES	4096

static char *files[MAX_FILES];
static int nr_files;
static unsigned long reads, writes, refused;

static void fail(const char *what, const char *file)
{
	fprintf(stderr, "sysfs_fuzz: FAIL %s %s: %m\n", what, file);
	exit(1);
}

static void add_dir(const char *name)
{
	DIR *dir = opendir(name);
	struct dirent *d;

	if (!dir)
		fail("opendir", name);
	while ((d = readdir(dir))) {
		struct stat st;
		char *file;

		if (d->d_type != DT_REG || asprintf(&file, "%s/%s", name, d->d_name) < 0)
			continue;
		/* One that can be written is worth ten others. */
		for (int n = !stat(file, &st) && st.st_mode & 0222 ? 10 : 1; n && nr_files < MAX_FILES; n--)
			files[nr_files++] = file;
	}
	closedir(dir);
}

/* The directory was removed before or while we use it. */
static int gone(void)
{
	return errno == ENOENT || errno == ENODEV;
}

static void read_some(const char *file)
{
	char buf[8192];
	size_t len = random() % 4 ? sizeof(buf) : (size_t)(random() % 16 + 1);
	off_t pos = random() % 4 ? 0 : random() % 8192;
	int fd = open(file, O_RDONLY);
	ssize_t n;

	if (fd < 0) {
		/* write-only files; as for writes */
		if (!gone() && errno != EACCES)
			fail("open for reading", file);
		return;
	}
	n = pread(fd, buf, len, pos);
	/* ENOSYS: allocation traces of a cache that keeps none */
	if (n < 0 && !gone() && errno != ENOSYS)
		fail("read", file);
	for (ssize_t i = 0; i < n; i++) {
		if (!isprint((unsigned char)buf[i]) && !isspace((unsigned char)buf[i])) {
			errno = EILSEQ;
			fail("read", file);
		}
	}
	close(fd);
	reads++;
}

static size_t garbage(char *buf, size_t size)
{
	static const char *const near[] = {
		"", "\n", "0", "1", "1\n", "0\n", "-1", "2", "01", " 1", "1 1", "1junk", "0x1", "100", "101",
		"2147483648", "4294967295", "4294967296", "18446744073709551615", "18446744073709551616",
		"-9223372036854775808", "1e9", "yes", "%s%n%p", "../../..",
	};
	size_t len = random() % 3 ? (size_t)(random() % 32) : random() % size;

	if (random() % 2) {
		const char *s = near[random() % (sizeof(near) / sizeof(*near))];

		memcpy(buf, s, strlen(s));
		return strlen(s);
	}
	for (size_t i = 0; i < len; i++)
		buf[i] = random();
	return len;
}

static void write_some(const char *file)
{
	static char buf[16384];
	size_t len = garbage(buf, sizeof(buf));
	int fd = open(file, O_WRONLY);

	if (fd < 0) {
		if (!gone() && errno != EACCES && errno != EPERM)
			fail("open for writing", file);
		refused++;
		return;
	}
	if (pwrite(fd, buf, len, random() % 4 ? 0 : random() % 8192) < 0) {
		switch (errno) {
		case EINVAL: case ERANGE: case EACCES: case EPERM: case EBUSY: case EFBIG: case EOPNOTSUPP:
			break;
		default:
			if (!gone())
				fail("write", file);
		}
		refused++;
	}
	close(fd);
	writes++;
}

int main(int argc, char **argv)
{
	time_t end;

	if (argc < 4)
		return 2;
	end = time(NULL) + atoi(argv[1]);
	srandom(atoi(argv[2]));
	for (int i = 3; i < argc; i++)
		add_dir(argv[i]);
	if (!nr_files) {
		errno = ENOENT;
		fail("no files in", argv[3]);
	}
	while (time(NULL) < end) {
		const char *file = files[random() % nr_files];

		if (random() % 2)
			read_some(file);
		else
			write_some(file);
	}
	printf("sysfs_fuzz: %lu reads, %lu writes, %lu refused\n", reads, writes, refused);
	return 0;
}

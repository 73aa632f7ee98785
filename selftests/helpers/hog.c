// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: hog MIB
 *
 * Takes so much memory, page by page, and ends; more than there is makes the kernel
 * reclaim what it can, and then kill this process, which asks for it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	size_t size = argc == 2 ? strtoul(argv[1], NULL, 10) << 20 : 0;
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);
	char *memory;

	if (!size) {
		fprintf(stderr, "usage: hog MIB\n");
		return 2;
	}
	if (fd < 0 || write(fd, "1000", 4) != 4) {
		perror("hog: oom_score_adj");
		return 1;
	}
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED) {
		perror("hog: mmap");
		return 1;
	}
	for (size_t i = 0; i < size; i += 4096)
		memory[i] = 1;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bpfmap.c - prints the sum of some numbers of a pinned BPF array of __u64.
 *
 *   bpfmap PATH INDEX...
 */
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_map(const char *path)
{
	union bpf_attr attr = { 0 };

	attr.pathname = (uintptr_t)path;
	return (int)syscall(SYS_bpf, BPF_OBJ_GET, &attr, sizeof(attr));
}

static int look_up(int fd, uint32_t key, uint64_t *value)
{
	union bpf_attr attr = { .map_fd = (uint32_t)fd };

	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)value;
	return (int)syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr));
}

int main(int argc, char **argv)
{
	int fd = argc < 3 ? -1 : open_map(argv[1]);
	uint64_t value, sum = 0;

	if (argc < 3)
		return 2;
	for (int i = 2; i < argc; i++, sum += value)
		if (fd < 0 || look_up(fd, (uint32_t)atoi(argv[i]), &value)) {
			perror(argv[1]);
			return 1;
		}
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bpfmap.c - prints one number of a pinned BPF array of __u64.
 *
 *   bpfmap PATH INDEX
 */
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	union bpf_attr attr = { 0 };
	uint64_t value = 0;
	uint32_t key = argc == 3 ? (uint32_t)atoi(argv[2]) : 0;
	int fd;

	if (argc != 3)
		return 2;
	attr.pathname = (uintptr_t)argv[1];
	fd = (int)syscall(SYS_bpf, BPF_OBJ_GET, &attr, sizeof(attr));
	attr = (union bpf_attr){ .map_fd = (uint32_t)fd };
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)&value;
	if (fd < 0 || syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr))) {
		perror(argv[1]);
		return 1;
	}
	printf("%llu\n", (unsigned long long)value);
	return 0;
}

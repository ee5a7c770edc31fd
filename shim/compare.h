/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare.h - what a file of the daemon's holds beside what the daemon has said of it, or
 * was told: for direct.c. Nothing is kept here, and no call is one that a thread could be
 * cancelled in.
 */
#ifndef EFUSE_SHIM_COMPARE_H
#define EFUSE_SHIM_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

enum verdict { AGREES, DIFFERS, SAYS_NOTHING };

/* What must not change while a file is compared. */
struct likeness {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
	bool settled;		/* another change would have another time */
};

/* Contents, in the order they are added. */
struct digest {
	uint64_t sum;
	char first;
	bool any, varied;	/* bytes; that are not all one */
};

/* What the file of FD looks like now. False if that cannot be seen. */
bool likeness_of(int fd, struct likeness *l);

/* Whether it looks the same at B as at A, and would not if it had been changed between. */
bool likeness_same(const struct likeness *a, const struct likeness *b);

/*
 * Whether the file has at OFFSET what the reply in IOV holds behind its header: SIZE bytes,
 * and, if these are not WANTED, its end. *varied is set when the bytes are not all one.
 */
enum verdict compare_reply(int fd, uint64_t offset, const struct iovec *iov, int count,
			   size_t size, size_t wanted, bool *varied);

/* Adds SIZE bytes of memory. */
void digest_memory(struct digest *digest, const char *data, size_t size);

/* Adds SIZE bytes of the file from OFFSET on, or what can be read of them: returns how many. */
size_t digest_file(struct digest *digest, int fd, uint64_t offset, size_t size);

#endif

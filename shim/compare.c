// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * compare.c - what a file holds beside what the daemon has said of it, or was told. See
 * compare.h.
 */
#include <linux/fuse.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/compare.h"
#include "shim/proto.h"

#define CHUNK		4096	/* bytes compared at a time */
#define SETTLED_NS	20000000	/* more than a tick of any kernel */

/* --- what it looks like --------------------------------------------------------- */

/*
 * Times of files are those of the last tick of the clock: what was changed in this one
 * can be changed once more and look the same.
 */
static bool is_settled(const struct timespec *changed)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return (now.tv_sec - changed->tv_sec) * 1000000000LL + now.tv_nsec - changed->tv_nsec >
	       SETTLED_NS;
}

bool likeness_of(int fd, struct likeness *l)
{
	struct stat st;

	if (fstat(fd, &st))
		return false;
	*l = (struct likeness){
		.dev = st.st_dev, .ino = st.st_ino, .size = st.st_size,
		.mtime = st.st_mtim, .ctime = st.st_ctim, .settled = is_settled(&st.st_ctim),
	};
	return true;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool likeness_same(const struct likeness *a, const struct likeness *b)
{
	return a->settled && a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       same_time(&a->mtime, &b->mtime) && same_time(&a->ctime, &b->ctime);
}

/* --- what it holds -------------------------------------------------------------- */

/* pread(2), which is no place for the thread to be cancelled in. */
static ssize_t read_at(int fd, void *buf, size_t size, uint64_t offset)
{
	return syscall(__NR_pread64, fd, buf, size, offset);
}

enum verdict compare_reply(int fd, uint64_t offset, const struct iovec *iov, int count,
			   size_t size, size_t wanted, bool *varied)
{
	char theirs[CHUNK], ours[CHUNK];
	size_t done = 0;

	for (; done < size; done += CHUNK) {
		size_t n = size - done < CHUNK ? size - done : CHUNK;

		proto_iov_gather(iov, count, sizeof(struct fuse_out_header) + done, theirs, n);
		if (read_at(fd, ours, n, offset + done) != (ssize_t)n ||
		    memcmp(ours, theirs, n) != 0)
			return DIFFERS;
		*varied |= memcmp(theirs, theirs + 1, n - 1) != 0;
	}
	if (size > wanted)
		return DIFFERS;
	return size == wanted || read_at(fd, ours, 1, offset + size) == 0 ? AGREES : DIFFERS;
}

static void digest_add(struct digest *digest, const char *data, size_t size)
{
	uint64_t sum = digest->sum, word;

	if (size && !digest->any) {
		digest->first = data[0];
		digest->any = true;
	}
	if (size)
		digest->varied |= data[0] != digest->first || memcmp(data, data + 1, size - 1) != 0;
	for (size_t done = 0; done < size; done += sizeof(word)) {
		word = 0;
		memcpy(&word, data + done, size - done < sizeof(word) ? size - done : sizeof(word));
		sum = (sum ^ word) * 0x9E3779B97F4A7C15u;
		sum ^= sum >> 29;
	}
	digest->sum = sum;
}

/* In the same steps as below, whatever their size does to the last word. */
void digest_memory(struct digest *digest, const char *data, size_t size)
{
	for (size_t done = 0; done < size; done += CHUNK)
		digest_add(digest, data + done, size - done < CHUNK ? size - done : CHUNK);
}

size_t digest_file(struct digest *digest, int fd, uint64_t offset, size_t size)
{
	char data[CHUNK];
	size_t done = 0;

	while (done < size) {
		size_t n = size - done < CHUNK ? size - done : CHUNK;
		ssize_t got = read_at(fd, data, n, offset + done);

		if (got > 0) {
			digest_add(digest, data, (size_t)got);
			done += (size_t)got;
		}
		if (got != (ssize_t)n)
			break;
	}
	return done;
}

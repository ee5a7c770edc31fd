// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fs-raw.c - speaks the FUSE protocol itself, without a library, in every way
 * a program may: see raw-io.h. root only, since it calls mount(2).
 *
 *   fs-raw [OPTIONS] MOUNTPOINT
 *     --read=read|readv|splice		how a request is fetched
 *     --reply=write|writev|splice	how it is answered
 *     --wait=block|poll|epoll|select	all but block with O_NONBLOCK
 *     --dup		answer on a duplicate of the descriptor
 *     --threads=N	N threads that all fetch and answer, from before INIT
 *     --small		also try reads with a buffer that is too small, and pipes
 *     --fork-after-init	answer INIT, fork, serve in the child; prints its pid
 *     --minor=N	protocol version of the INIT reply, default 31
 *     --log=FILE	what wrong answers and small reads gave
 *     --exec PROGRAM ARGS...	mount, then run PROGRAM ARGS /dev/fd/N instead
 *
 * Stays in the foreground, ends when unmounted.
 */
#include <getopt.h>
#include <pthread.h>
#include <sys/mount.h>

#include "raw-bad.h"

static int raw_dispatch(struct raw_io *io)
{
	const struct fuse_in_header *ih = (const void *)io->buf;
	const char *name = (const char *)(ih + 1);

	switch (ih->opcode) {
	case FUSE_INIT:
		return raw_init(io, ih);
	case FUSE_LOOKUP:
		if (strncmp(name, "bad-", 4) == 0)
			return raw_lookup_bad(io, ih, name + 4);
		if (strcmp(name, "data") == 0)
			return raw_entry(io, ih->unique, RAW_DATA_INO);
		return raw_answer(io, ih->unique, -ENOENT, NULL, 0);
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		return raw_getattr(io, ih);
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		return raw_open(io, ih);
	case FUSE_READ:
		return ih->nodeid == RAW_BAD_INO ? raw_read_bad(io, ih) : raw_read_data(io, ih);
	case FUSE_WRITE:
		return raw_write_data(io, ih);
	case FUSE_READDIR:
		return raw_readdir(io, ih);
	case FUSE_STATFS:
		return raw_statfs(io, ih);
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_DESTROY:
		return raw_answer(io, ih->unique, 0, NULL, 0);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return 0;
	default:
		return raw_answer(io, ih->unique, -ENOSYS, NULL, 0);
	}
}

static void raw_fork(void)
{
	pid_t pid = fork();

	if (pid > 0) {
		printf("%d\n", pid);
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0)
		perror("fs-raw: fork");
}

static void *raw_loop(void *arg)
{
	struct raw_io io;
	bool first = arg == NULL;
	ssize_t len;

	if (raw_io_open(&io)) {
		perror("fs-raw: epoll, pipe");
		return (void *)1;
	}
	if (first && raw.small)
		raw_try_small(&io, "before-init");
	while ((len = raw_fetch(&io)) > 0) {
		const struct fuse_in_header *ih = (const void *)io.buf;
		bool init = ih->opcode == FUSE_INIT;

		if (len < (ssize_t)sizeof(*ih) || ih->len != (uint32_t)len) {
			fprintf(stderr, "fs-raw: request of %zd bytes says %u\n", len, ih->len);
			abort();
		}
		raw_dispatch(&io);
		if (init && first && raw.fork_after_init)
			raw_fork();
		if (init && raw.small && raw_try_small(&io, "after-init") > 0)
			raw_dispatch(&io);	/* not refused: then not lost either */
		if (init && raw.small)
			raw_try_pipes();
	}
	return len == -ENODEV ? NULL : (void *)1;
}

static int raw_serve(void)
{
	pthread_t thread[64];
	void *ret;
	int err = 0;

	for (unsigned int i = 0; i + 1 < raw.threads; i++)
		if (pthread_create(&thread[i], NULL, raw_loop, (void *)1))
			return 1;
	err = raw_loop(NULL) != NULL;
	for (unsigned int i = 0; i + 1 < raw.threads; i++) {
		pthread_join(thread[i], &ret);
		err |= ret != NULL;
	}
	return err;
}

static int raw_mount(const char *dir)
{
	char opts[128];

	raw.fd = open("/dev/fuse", O_RDWR | (raw.wait == RAW_WAIT_BLOCK ? 0 : O_NONBLOCK));
	if (raw.fd < 0)
		return -1;
	snprintf(opts, sizeof(opts), "fd=%d,rootmode=40000,user_id=%u,group_id=%u", raw.fd,
		 getuid(), getgid());
	return mount("fs-raw", dir, "fuse.fs-raw", MS_NOSUID | MS_NODEV, opts);
}

/* Which of the words separated by | is WORD, or -1. */
static int pick(const char *word, const char *words)
{
	size_t len = strlen(word);

	for (int i = 0;; i++) {
		const char *end = strchrnul(words, '|');

		if ((size_t)(end - words) == len && strncmp(word, words, len) == 0)
			return i;
		if (!*end)
			return -1;
		words = end + 1;
	}
}

static int usage(void)
{
	fprintf(stderr, "usage: fs-raw [--read=HOW] [--reply=HOW] [--wait=HOW] [--dup] [--threads=N]\n"
		"       [--small] [--fork-after-init] [--minor=N] [--log=FILE] DIR\n"
		"       fs-raw --exec DIR PROGRAM ARGUMENT...\n");
	return -1;
}

static int parse(int argc, char **argv, bool *dup_fd, bool *run)
{
	static const struct option longs[] = {
		{ "read", 1, 0, 'r' }, { "reply", 1, 0, 'w' }, { "wait", 1, 0, 'p' },
		{ "dup", 0, 0, 'd' }, { "threads", 1, 0, 't' }, { "small", 0, 0, 's' },
		{ "fork-after-init", 0, 0, 'f' }, { "minor", 1, 0, 'm' }, { "log", 1, 0, 'l' },
		{ "exec", 0, 0, 'x' }, { 0 },
	};
	int c, value = 0;

	while ((c = getopt_long(argc, argv, "+", longs, NULL)) != -1 && value >= 0) {
		switch (c) {
		case 'r': raw.read = (unsigned int)(value = pick(optarg, "read|readv|splice")); break;
		case 'w': raw.reply = (unsigned int)(value = pick(optarg, "write|writev|splice")); break;
		case 'p': raw.wait = (unsigned int)(value = pick(optarg, "block|poll|epoll|select")); break;
		case 'd': *dup_fd = true; break;
		case 't': raw.threads = (unsigned int)(value = atoi(optarg)); break;
		case 's': raw.small = true; break;
		case 'f': raw.fork_after_init = true; break;
		case 'm': raw.minor = (unsigned int)(value = atoi(optarg)); break;
		case 'l': raw.log = optarg; break;
		case 'x': *run = true; break;
		default: return usage();
		}
	}
	return value < 0 || raw.threads > 64 || optind >= argc ? usage() : 0;
}

static int exec_on_fd(char **argv)
{
	char **args = calloc(64, sizeof(*args));
	char dev[32];
	int n = 0;

	while (args && argv[n] && n < 62) {
		args[n] = argv[n];
		n++;
	}
	if (!args || !n)
		return usage();
	snprintf(dev, sizeof(dev), "/dev/fd/%d", raw.fd);
	args[n] = dev;
	execvp(args[0], args);
	perror("fs-raw: exec");
	return -1;
}

int main(int argc, char **argv)
{
	bool dup_fd = false, run = false;

	raw.minor = 31;
	raw.threads = 1;
	if (parse(argc, argv, &dup_fd, &run))
		return 1;
	if (raw_mount(argv[optind])) {
		fprintf(stderr, "fs-raw: %s: cannot mount: %s\n", argv[optind], strerror(errno));
		return 1;
	}
	if (run)
		return exec_on_fd(argv + optind + 1) != 0;
	raw.out = dup_fd ? dup(raw.fd) : raw.fd;
	return raw_serve();
}

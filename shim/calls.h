/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calls.h - the list of interposed calls: CALL(return type, name, parameters).
 *
 * A call is here when a FUSE library may use it to get, use, copy or lose the
 * file descriptor of /dev/fuse, to mount it, or to make a child that must not inherit how
 * the shim placed a thread, or to execute fusermount3. In every other process, and for every other
 * descriptor, each of them is one table look-up and the real call.
 *
 * Left alone, and why:
 *   umount2                             the mount itself is the program's own
 *   vmsplice, tee                       fill pipes, never touch /dev/fuse
 *   preadv, pread, pwrite               /dev/fuse has no offsets
 *   sendmsg, socketpair                 a descriptor sent away stays open here
 *   vfork                               cannot be wrapped. The child runs in our
 *                                       memory: calls that change the table see
 *                                       by its process id that it is another's
 *   syscall                             a program that goes round libc is not
 *                                       seen at all and keeps plain FUSE
 */
#ifndef EFUSE_SHIM_CALLS_H
#define EFUSE_SHIM_CALLS_H

#define CALLS(CALL) \
	CALL(int, open, (const char *path, int flags, ...)) \
	CALL(int, open64, (const char *path, int flags, ...)) \
	CALL(int, openat, (int dirfd, const char *path, int flags, ...)) \
	CALL(int, openat64, (int dirfd, const char *path, int flags, ...)) \
	CALL(int, __open_2, (const char *path, int flags)) \
	CALL(int, __open64_2, (const char *path, int flags)) \
	CALL(int, mount, (const char *source, const char *target, const char *type, \
			  unsigned long flags, const void *data)) \
	CALL(int, fsopen, (const char *type, unsigned int flags)) \
	CALL(int, fsconfig, (int fd, unsigned int cmd, const char *key, const void *value, \
			     int aux)) \
	CALL(ssize_t, recvmsg, (int fd, struct msghdr *msg, int flags)) \
	CALL(int, ioctl, (int fd, unsigned long req, ...)) \
	CALL(int, fcntl, (int fd, int cmd, ...)) \
	CALL(int, fcntl64, (int fd, int cmd, ...)) \
	CALL(int, dup, (int fd)) \
	CALL(int, dup2, (int fd, int to)) \
	CALL(int, dup3, (int fd, int to, int flags)) \
	CALL(int, close, (int fd)) \
	CALL(int, close_range, (unsigned int first, unsigned int last, int flags)) \
	CALL(void, closefrom, (int first)) \
	CALL(ssize_t, read, (int fd, void *buf, size_t size)) \
	CALL(ssize_t, __read_chk, (int fd, void *buf, size_t size, size_t room)) \
	CALL(ssize_t, readv, (int fd, const struct iovec *iov, int count)) \
	CALL(ssize_t, write, (int fd, const void *buf, size_t size)) \
	CALL(ssize_t, writev, (int fd, const struct iovec *iov, int count)) \
	CALL(ssize_t, splice, (int in, off64_t *in_off, int out, off64_t *out_off, \
			       size_t size, unsigned int flags)) \
	CALL(int, poll, (struct pollfd *fds, nfds_t count, int timeout)) \
	CALL(int, __poll_chk, (struct pollfd *fds, nfds_t count, int timeout, size_t room)) \
	CALL(int, ppoll, (struct pollfd *fds, nfds_t count, const struct timespec *timeout, \
			  const sigset_t *mask)) \
	CALL(int, select, (int count, fd_set *r, fd_set *w, fd_set *e, struct timeval *timeout)) \
	CALL(int, pselect, (int count, fd_set *r, fd_set *w, fd_set *e, \
			    const struct timespec *timeout, const sigset_t *mask)) \
	CALL(int, epoll_ctl, (int epfd, int op, int fd, struct epoll_event *event)) \
	CALL(int, pthread_create, (pthread_t *thread, const pthread_attr_t *attr, \
				   void *(*start)(void *), void *arg)) \
	CALL(int, posix_spawn, (pid_t *pid, const char *path, \
				const posix_spawn_file_actions_t *actions, \
				const posix_spawnattr_t *attr, \
				char *const argv[], char *const envp[])) \
	CALL(int, posix_spawnp, (pid_t *pid, const char *file, \
				 const posix_spawn_file_actions_t *actions, \
				 const posix_spawnattr_t *attr, \
				 char *const argv[], char *const envp[])) \
	CALL(int, execv, (const char *path, char *const argv[])) \
	CALL(int, execvp, (const char *file, char *const argv[])) \
	CALL(int, system, (const char *command)) \
	CALL(FILE *, popen, (const char *command, const char *mode))

#endif

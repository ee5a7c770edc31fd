/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commfd.h - the socket a FUSE library leaves open for us, its number in
 * _FUSE_COMMFD or --comm-fd.
 *
 * The protocol, as libfuse 2 and 3, fuse-lite and Go's libraries speak it: one
 * message with one byte and, in SCM_RIGHTS, the descriptor of /dev/fuse, sent
 * when the mount is there. With auto_unmount the end of the socket then says
 * that the file system's process has ended. With --sync-init the descriptor
 * comes first, one byte back says "mount now", one byte to it how that went.
 */
#ifndef EFUSE_COMMFD_H
#define EFUSE_COMMFD_H

#include <stdbool.h>

/* The name of the environment variable with the number. */
#define COMMFD_ENV "_FUSE_COMMFD"

/*
 * The descriptor that TEXT, a decimal number, names: it must be an open
 * socket that can carry one. Returns it (still the caller's), or -EINVAL, -EBADF,
 * -ENOTSOCK, -EAFNOSUPPORT.
 */
int commfd_parse(const char *text);

/* Send DEVICE. Never waits for a reader: a full socket is -EAGAIN. 0 or -errno. */
int commfd_send(int sock, int device);

/* Send the one byte STATUS (0: mounted). Never waits. 0 or -errno. */
int commfd_send_status(int sock, unsigned char status);

/* Wait at most MS milliseconds for a byte: 0, -ETIMEDOUT, -ECONNRESET at the end, or -errno. */
int commfd_wait_go(int sock, int ms);

/*
 * After poll() said that SOCK can be read: is the other end closed? What came
 * instead is thrown away.
 */
bool commfd_ended(int sock);

#endif

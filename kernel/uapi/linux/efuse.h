/* SPDX-License-Identifier: (GPL-2.0-or-later WITH Linux-syscall-note) */
/*
 * efuse.h - what the efuse driver speaks beside the FUSE protocol.
 *
 * /dev/efuse carries the FUSE protocol of <linux/fuse.h> unchanged. The ioctls
 * here are the additions. They are made by a helper of the file system's
 * process (or by anyone who wants to know what the driver can do), never by
 * the file system itself.
 *
 * EFUSE_IOC_HELLO works on any open /dev/efuse, mounted or not, for any user,
 * and changes nothing. A driver that lacks it answers ENOTTY; /dev/fuse does.
 *
 *   in:  size      sizeof(struct efuse_hello), EINVAL if less, E2BIG if more
 *        version   the newest version the caller speaks, EINVAL if 0
 *        features  what the caller would like, of any version
 *        required  what the caller cannot do without
 *        reserved  zero, otherwise EINVAL
 *   out: version      the newest version that both speak
 *        min_version  the oldest version the driver speaks
 *        features     what of the wanted and required features the driver has
 *        known        everything the driver has
 *
 * A caller that speaks no version the driver does gets EPROTONOSUPPORT, one
 * whose required features are not all there EOPNOTSUPP; the structure is filled
 * in both cases, so that it can say what is missing. Unknown bits in features
 * are no error.
 *
 * EFUSE_IOC_POLICY, feature EFUSE_F_POLICY, lets a policy answer requests of the
 * mounted connection in place of the file system. A policy is a set of BPF
 * programs that root has registered under a name; any holder of the descriptor
 * may choose one, at any time from the mount on. It is asked once INIT has been
 * answered, and never if the protocol is older than 7.12.
 *
 *   in:  size      sizeof(struct efuse_policy), EINVAL if less, E2BIG if more
 *        flags     zero, otherwise EINVAL
 *        name      ends with a zero byte, otherwise EINVAL; empty: none any more
 *        param     what the policy makes of them; 0 is always "as usual"
 *        reserved  zero, otherwise EINVAL
 *
 * EPERM: not mounted. ENOTCONN: the connection is gone. ENOENT: no such policy.
 * EOPNOTSUPP: not with this kernel. A chosen policy that is removed leaves its
 * connections without one.
 *
 * Structures hold fixed-size integers only and have the same layout for 32-bit
 * and 64-bit callers.
 *
 * Versions:
 *   1  EFUSE_IOC_HELLO, EFUSE_IOC_POLICY
 */
#ifndef _LINUX_EFUSE_H
#define _LINUX_EFUSE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define EFUSE_VERSION_MIN	1
#define EFUSE_VERSION_MAX	1

/* Feature bits. A driver may lack what the kernel around it cannot do. */
#define EFUSE_F_POLICY		(1ULL << 0)	/* EFUSE_IOC_POLICY */
#define EFUSE_FEATURES_ALL	EFUSE_F_POLICY

#define EFUSE_NAME_MAX		64	/* bytes of a policy's name, with the zero */
#define EFUSE_PARAMS		2	/* numbers that a connection gives its policy */

struct efuse_hello {
	__u32 size;
	__u32 version;
	__u32 min_version;
	__u32 padding;		/* zero */
	__u64 features;
	__u64 required;
	__u64 known;
	__u64 reserved[3];	/* zero */
};

_Static_assert(sizeof(struct efuse_hello) == 64, "struct efuse_hello is ABI");

struct efuse_policy {
	__u32 size;
	__u32 flags;		/* zero */
	char name[EFUSE_NAME_MAX];
	__u64 param[EFUSE_PARAMS];
	__u64 reserved[2];	/* zero */
};

_Static_assert(sizeof(struct efuse_policy) == 104, "struct efuse_policy is ABI");

#define EFUSE_IOC_MAGIC		0xEF
#define EFUSE_IOC_HELLO		_IOWR(EFUSE_IOC_MAGIC, 0, struct efuse_hello)
#define EFUSE_IOC_POLICY	_IOW(EFUSE_IOC_MAGIC, 1, struct efuse_policy)

#endif /* _LINUX_EFUSE_H */

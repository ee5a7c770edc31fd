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
 * EFUSE_IOC_RING_SETUP, feature EFUSE_F_RING, gives the mounted connection rings: one
 * for each core the machine can have, in memory that the driver and the server share.
 * It works once, after INIT has been answered, and lasts as long as the connection.
 *
 *   in:  size       sizeof(struct efuse_ring_setup), EINVAL if less, E2BIG if more
 *        flags      zero, otherwise EINVAL
 *        depth      slots of a ring, a power of two of 2 to EFUSE_RING_DEPTH_MAX;
 *                   0: the driver chooses
 *        slot_size  bytes of a request, and of a reply, that a slot holds with its
 *                   header, a multiple of 64 in EFUSE_RING_SLOT_MIN to
 *                   EFUSE_RING_SLOT_MAX; 0: the driver chooses
 *        poll_us    microseconds that who waits for a reply may look for it before
 *                   sleeping, at most EFUSE_RING_POLL_MAX; 0: none
 *        reserved   zero, otherwise EINVAL
 *   out: depth, slot_size  as they are
 *        rings         how many: 0 to rings - 1, by the number of the core
 *        kernel_bytes  how long each ring's two mappings have to be
 *        daemon_bytes
 *
 * EPERM: not mounted. EAGAIN: INIT is not answered. EEXIST: there are rings. ENOTCONN:
 * the connection is gone. ENOMEM: no memory, or more than RLIMIT_MEMLOCK allows the
 * caller. EOPNOTSUPP: not with this kernel. Nothing is put on a ring before the
 * first ENTER with EFUSE_ENTER_START: who cannot map them all goes on without.
 *
 * Then mmap(2) of the descriptor, MAP_SHARED, with exactly these offsets and lengths:
 * ring i's kernel part, which can only be read, at EFUSE_RING_KERNEL(i), its daemon
 * part at EFUSE_RING_DAEMON(i). The mappings do not keep the descriptor open. Each part
 * begins with its words, struct efuse_ring_kernel and struct efuse_ring_daemon; an
 * array of depth slot numbers (__u32) is at EFUSE_RING_ARRAY, depth slots of slot_size
 * bytes are at EFUSE_RING_SLOTS.
 *
 * A request on a ring is one that read(2) would have given: struct fuse_in_header and
 * what follows, in_header.len bytes, in the kernel part's slot. It is there from when
 * sub_tail passes its number in the array until the request ends. Numbers are taken
 * at sub_head, which the server's threads move on (compare and exchange) after they
 * have read the number; only moved on by what they take. Heads and tails count without
 * end; the place in an array is the count modulo depth. The request's unique says where
 * it is: EFUSE_RING_OF(unique), EFUSE_SLOT_OF(unique).
 *
 * Its reply is one of
 * - struct fuse_out_header and what follows, in the daemon part's slot of the same ring
 *   and number; then that number at comp_tail in the array, and comp_tail moved on
 *   (by one thread at a time). Replies to requests only: no notifications, none to
 *   INTERRUPT.
 * - the same as for any request, by write(2) or splice(2) to the device: what is longer
 *   than slot_size has to be.
 * Then, for a reply on a ring: a full barrier, and if need is not zero, somebody sleeps
 * who waits for a reply of this ring: EFUSE_IOC_RING_ENTER with EFUSE_ENTER_COMPLETE. It
 * may be put off until the same thread's next ENTER for some microseconds.
 *
 * Requests that have no reply (FORGET), INTERRUPT, requests longer than slot_size and
 * those for which there was no slot are read(2) or spliced from the device as before.
 * device_tail, in the kernel part of ring 0, counts all of them that were queued. From
 * the start on reading the device does not block: EAGAIN, if there is nothing; who
 * sleeps in it then wakes with EAGAIN. poll(2) says the device is readable if anything
 * is on the device or a ring.
 *
 * A thread that looks for requests says so with pollers of the ring it looks at first
 * (its home), and poller_cpu, for who would like to wait without sleeping; it is none
 * while it sleeps in ENTER. Having taken pollers back, whether it has found something
 * or not: a full barrier, and if it has found something, there is more on any ring,
 * all_sleepers is not zero and nobody else polls there, ENTER with EFUSE_ENTER_KICK.
 *
 * EFUSE_IOC_RING_ENTER's argument is a number: EFUSE_ENTER(ring, home, flags), which
 * does in this order
 *   EFUSE_ENTER_START     has requests put on rings from now on
 *   EFUSE_ENTER_COMPLETE  takes the replies of the ring
 *   EFUSE_ENTER_KICK      wakes a sleeper, if there are requests that nobody has taken
 *                         and nobody was woken or polls for
 *   EFUSE_ENTER_WAIT      sleeps until there are some such, or some that it was woken for
 *                         and finds, or something on the device
 * and returns what it found in the end: EFUSE_ENTER_SUBMITTED, EFUSE_ENTER_DEVICE or both,
 * without WAIT none; by then somebody else may have been quicker. And
 * EFUSE_ENTER_WOKEN if it was woken: what is there is for this thread. EPERM: not
 * mounted. EINVAL: no rings, no such ring or flag, not started. EINTR: a signal came.
 * ENODEV: the connection has ended.
 *
 * What a server writes there can end its own connection, and that is all it can: a
 * number or a length that cannot be does. A reply that write(2) would have refused is
 * counted as refused.
 *
 * EFUSE_IOC_DIRECT, feature EFUSE_F_DIRECT, lets the driver read what is open from the
 * file that the server itself reads it from, into the caller's memory or the page cache,
 * and write to it what does not go through the page cache. That both hold the same is for
 * the caller to know.
 *
 *   in:  size      sizeof(struct efuse_direct), EINVAL if less, E2BIG if more
 *        flags     EFUSE_DIRECT_WRITES with FILE or ON, see below; nothing else,
 *                  otherwise EINVAL, as the fields below that are not mentioned
 *        what      EFUSE_DIRECT_ASK   nothing, but what is filled in
 *                  EFUSE_DIRECT_FILE  names a file, see below
 *                  EFUSE_DIRECT_ON    has READs answered from files, from now on, and
 *                                     WRITEs if the flag is there, which a later one
 *                                     without it takes back
 *                  EFUSE_DIRECT_OFF   never again for this connection: all files are let
 *                                     go of, no READ or WRITE begins to use one, and a
 *                                     policy has nothing that it has learnt any more
 *        fd        FILE: a descriptor of the caller's
 *        unique    FILE: of an OPEN, or with the flag a CREATE, read from this very
 *                  descriptor of the device, or a ring, and not answered yet
 *        node      FILE with the flag: of a CREATE, what the reply will say; otherwise zero
 *   out: state     EFUSE_DIRECT_ASK (not decided yet), _ON or _OFF
 *        files     that are held now
 *        reads     READs answered, and bytes given, since the mount
 *        bytes
 *        writes    WRITEs done, since the mount
 *
 * FILE has the driver hold the file that fd refers to for what the OPEN opens: at most
 * until its RELEASE, the connection's end or OFF. It may be closed at once. It is read
 * with the caller's credentials and is refused, in this order, with
 *   ECANCELED  it is off
 *   EBADF      no such descriptor, or it cannot be read; with the flag, nor written
 *   ELOOP      of a FUSE file system
 *   EINVAL     no regular file, of a file system that lies on another, makes up what it
 *              holds, or has it from another machine, open with O_DIRECT
 *   EMLINK     it has more than one name
 *   ENOENT     the server has no request of that unique
 *   EINVAL     it is no OPEN of a file, or with a node no CREATE
 *   EALREADY   there is a file for it
 *   EEXIST     it is held for another node as well: the server can not be handing it through
 *   EMFILE     EFUSE_DIRECT_MAX files are held
 *
 * The first READ of what is open, and about one in EFUSE_DIRECT_TURN of the node, go to the
 * server nevertheless, so that the caller can go on comparing; after 2,048 of the node from the
 * same file fewer, by and by one in EFUSE_DIRECT_RARE. All go there
 * - once the node was open for writing, was created, or had a SETATTR or IOCTL through this
 *   mount, or a notification said that its contents changed, as long as the driver knows
 *   it: a server may keep for itself what it has been told;
 * - while the file's size, times of modification and change, mode or owner are not those of
 *   the node as far as known, or size, time of modification or number of names are not what
 *   they were when it was named;
 * - until the first is answered;
 * - if they are asynchronous or fill the page cache, and the file's own page cache has not
 *   all of them, or it cannot be read without waiting;
 * - whenever reading it fails.
 *
 * EFUSE_DIRECT_WRITES says that the server hands through what it is told as it does what
 * it is asked: that every WRITE it has answered is in the file, and nothing else. It then
 * no longer sees WRITEs that do not go through the page cache, of what was opened with
 * the flag at FILE; nor do READs end there because the node was written or had a SETATTR.
 * In place of what a file was like when it was named counts what the node is like: a
 * WRITE that went to the file has its size and times be the node's, once it is complete: while
 * some are on their way there these may differ. After what the server has done itself, or
 * others, its attributes are asked for now and then until they are the file's again. READs and
 * WRITEs go to the server meanwhile.
 *
 * As of READs, so of WRITEs the first of what is open, all until that is answered, and
 * then about one in EFUSE_DIRECT_TURN of what is open go to the server. All do
 * - if the file is not open for writing, if it or what is open has O_APPEND, O_SYNC or
 *   O_DSYNC, or is on what is mounted so, and if the file is set-user-id or set-group-id;
 * - if they are asynchronous, or would go beyond the RLIMIT_FSIZE that the caller had
 *   when it named the file;
 * - while the file system of the file is frozen;
 * - on connections with FUSE_WRITEBACK_CACHE, where the flag changes nothing;
 * - whenever writing it fails.
 *
 * EFUSE_IOC_STATE, feature EFUSE_F_STATE, says what a connection has chosen. It
 * works on any open /dev/efuse, mounted or not, and changes nothing. Those may ask
 * whom the connection lets in, and who has CAP_SYS_ADMIN.
 *
 *   in:  size      sizeof(struct efuse_state), EINVAL if less, E2BIG if more
 *        flags     zero, otherwise EINVAL
 *        major     the device number that stat(2) and /proc/PID/mountinfo show
 *        minor     for the mount
 *        reserved  zero, otherwise EINVAL
 *   out: name      of the policy; empty: none
 *        param     what it was chosen with; zero without one
 *        path      READs that do not go through the page cache, and with
 *                  EFUSE_IOC_DIRECT those that fill it, since the first that a
 *                  policy or a file could have answered: of those of a file, if more
 *                  than one way is open, most go the quickest, and some each other way, to
 *                  be timed. The trace events efuse:efuse_choose and efuse:efuse_learn
 *                  have all that this is decided by
 *
 * ENODEV: no connection of the driver's has that number. EACCES: not to the caller.
 * Nothing is filled in then.
 *
 * Structures hold fixed-size integers only and have the same layout for 32-bit
 * and 64-bit callers.
 *
 * Versions:
 *   1  EFUSE_IOC_HELLO, EFUSE_IOC_POLICY, EFUSE_IOC_RING_SETUP, EFUSE_IOC_RING_ENTER,
 *      EFUSE_IOC_STATE, EFUSE_IOC_DIRECT
 */
#ifndef _LINUX_EFUSE_H
#define _LINUX_EFUSE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define EFUSE_VERSION_MIN	1
#define EFUSE_VERSION_MAX	1

/* Feature bits. A driver may lack what the kernel around it cannot do. */
#define EFUSE_F_POLICY		(1ULL << 0)	/* EFUSE_IOC_POLICY */
#define EFUSE_F_RING		(1ULL << 1)	/* EFUSE_IOC_RING_SETUP and _ENTER */
#define EFUSE_F_DIRECT		(1ULL << 2)	/* EFUSE_IOC_DIRECT */
#define EFUSE_F_STATE		(1ULL << 8)	/* EFUSE_IOC_STATE */
#define EFUSE_FEATURES_ALL	(EFUSE_F_POLICY | EFUSE_F_RING | EFUSE_F_DIRECT | EFUSE_F_STATE)

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

#define EFUSE_RING_DEPTH_MAX	256
#define EFUSE_RING_SLOT_MIN	512
#define EFUSE_RING_SLOT_MAX	65536
#define EFUSE_RING_POLL_MAX	1000
#define EFUSE_RING_MAX		4096		/* rings of a connection */

/* In each mapping, and of the mappings. */
#define EFUSE_RING_ARRAY	512
#define EFUSE_RING_SLOTS	4096
#define EFUSE_RING_STRIDE	(1ULL << 25)
#define EFUSE_RING_KERNEL(ring)	((ring) * 2 * EFUSE_RING_STRIDE)
#define EFUSE_RING_DAEMON(ring)	(((ring) * 2 + 1) * EFUSE_RING_STRIDE)

/* The unique of a request on a ring. Others have 0 in the upper 16 bits. */
#define EFUSE_RING_UNIQUE(ring, slot)	((((ring) + 1ULL) << 48) | ((slot) + 0ULL) << 40)
#define EFUSE_IS_RING(unique)	(((unique) >> 48) != 0)
#define EFUSE_RING_OF(unique)	((__u32)((unique) >> 48) - 1)
#define EFUSE_SLOT_OF(unique)	((__u32)((unique) >> 40) & 0xff)

struct efuse_ring_setup {
	__u32 size;
	__u32 flags;		/* zero */
	__u32 depth;
	__u32 slot_size;
	__u32 poll_us;
	__u32 rings;
	__u32 kernel_bytes;
	__u32 daemon_bytes;
	__u64 reserved[4];	/* zero */
};

_Static_assert(sizeof(struct efuse_ring_setup) == 64, "struct efuse_ring_setup is ABI");

/* What happened on a ring since the set-up. */
enum efuse_ring_count {
	EFUSE_RC_SUBMITTED,	/* requests put on it */
	EFUSE_RC_SPREAD,	/* of them, background ones from another core */
	EFUSE_RC_FULL,		/* from its core to the device: no slot */
	EFUSE_RC_BIG,		/* from its core to the device: too long */
	EFUSE_RC_WOKEN,		/* sleepers of this ring woken */
	EFUSE_RC_STOLEN,	/* sleepers of another ring woken for its requests */
	EFUSE_RC_POLLED,	/* waits for a reply that ended without sleeping */
	EFUSE_RC_POLLED_OUT,	/* and that did not */
	EFUSE_RC_COMPLETED,	/* replies taken from it */
	EFUSE_RC_REFUSED,	/* of them, such as write(2) would have refused */
	EFUSE_RC_LATE,		/* times that the timer found what had been forgotten */
	EFUSE_RING_COUNTS = 16
};

/* Written by the kernel. */
struct efuse_ring_kernel {
	__u32 sub_tail;		/* requests put on the ring */
	__u32 need;		/* who waits for a reply of this ring, and does not look */
	__u32 sleepers;		/* threads asleep in ENTER whose home it is */
	__u32 inflight;		/* requests that have not ended */
	__u32 oldest_ms;	/* the age of the oldest of them, to within some ms */
	__u32 padding0[11];

	/* Of the connection; in ring 0. */
	__u32 device_tail;	/* what was queued on the device since the set-up */
	__u32 all_sleepers;	/* threads asleep in ENTER */
	__u32 padding1[14];

	__u64 count[EFUSE_RING_COUNTS];
};

_Static_assert(sizeof(struct efuse_ring_kernel) == 256, "struct efuse_ring_kernel is ABI");

/* Written by the server. */
struct efuse_ring_daemon {
	__u32 sub_head;		/* requests taken */
	__u32 comp_tail;	/* replies put on the ring */
	__u32 pollers;		/* threads that look for requests, awake, here first */
	__u32 poller_cpu;	/* where one of them runs */
	__u32 padding[12];
};

_Static_assert(sizeof(struct efuse_ring_daemon) == 64, "struct efuse_ring_daemon is ABI");

#define EFUSE_ENTER_COMPLETE	(1U << 24)
#define EFUSE_ENTER_WAIT	(1U << 25)
#define EFUSE_ENTER_KICK	(1U << 26)
#define EFUSE_ENTER_START	(1U << 27)
#define EFUSE_ENTER(ring, home, flags)	((ring) | (home) << 12 | (flags))

/* What ENTER returns. */
#define EFUSE_ENTER_SUBMITTED	1
#define EFUSE_ENTER_DEVICE	2
#define EFUSE_ENTER_WOKEN	4

#define EFUSE_DIRECT_MAX	1024		/* files of a connection */
#define EFUSE_DIRECT_TURN	64		/* of about so many requests one is the server's, */
#define EFUSE_DIRECT_RARE	512		/* of READs later one of so many */

enum efuse_direct_what {
	EFUSE_DIRECT_ASK,
	EFUSE_DIRECT_FILE,
	EFUSE_DIRECT_ON,
	EFUSE_DIRECT_OFF
};

#define EFUSE_DIRECT_WRITES	1

struct efuse_direct {
	__u32 size;
	__u32 flags;		/* EFUSE_DIRECT_WRITES */
	__u32 what;
	__s32 fd;
	__u64 unique;
	__u32 state;
	__u32 files;
	__u64 reads;
	__u64 bytes;
	__u64 writes;
	__u64 node;
};

_Static_assert(sizeof(struct efuse_direct) == 64, "struct efuse_direct is ABI");

enum efuse_path_number {
	EFUSE_PATH_SERVER,
	EFUSE_PATH_POLICY,	/* and the file, or the server, for the rest */
	EFUSE_PATH_FILE,
	EFUSE_PATHS
};

/* READs that do not go through the page cache, by the way they took. */
struct efuse_path {
	__u64 requests;
	__u64 bytes;
	__u64 missed;		/* requests of which the policy had not all */
	__u64 tries;		/* requests that were timed, */
	__u64 ns;		/* and the time they took together */
	__u64 guessed;		/* tries for which that was said before, */
	__u64 guess_ns;		/* and what was said together */
};

/* What a mount has chosen. */
struct efuse_state {
	__u32 size;
	__u32 flags;		/* zero */
	__u32 major;
	__u32 minor;
	char name[EFUSE_NAME_MAX];
	__u64 param[EFUSE_PARAMS];
	__u64 reserved[2];	/* zero */
	struct efuse_path path[EFUSE_PATHS];
};

_Static_assert(sizeof(struct efuse_state) == 280, "struct efuse_state is ABI");

#define EFUSE_IOC_MAGIC		0xEF
#define EFUSE_IOC_HELLO		_IOWR(EFUSE_IOC_MAGIC, 0, struct efuse_hello)
#define EFUSE_IOC_POLICY	_IOW(EFUSE_IOC_MAGIC, 1, struct efuse_policy)
#define EFUSE_IOC_RING_SETUP	_IOWR(EFUSE_IOC_MAGIC, 2, struct efuse_ring_setup)
#define EFUSE_IOC_RING_ENTER	_IO(EFUSE_IOC_MAGIC, 3)
#define EFUSE_IOC_DIRECT	_IOWR(EFUSE_IOC_MAGIC, 4, struct efuse_direct)
#define EFUSE_IOC_STATE		_IOWR(EFUSE_IOC_MAGIC, 8, struct efuse_state)

#endif /* _LINUX_EFUSE_H */

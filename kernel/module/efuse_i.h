/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * efuse_i.h - what the hooks in fs/fuse call, included by fuse_i.h. Without
 * CONFIG_FUSE_EFUSE they compile to nothing. What the files of this folder
 * share among themselves is in policy.h.
 */
#ifndef _FS_FUSE_EFUSE_I_H
#define _FS_FUSE_EFUSE_I_H

#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

struct efuse_backing;
struct efuse_bounce;
struct efuse_chooser;
struct efuse_directs;
struct efuse_ops_policy;
struct efuse_paths;
struct efuse_ring;
struct efuse_rings;
struct fuse_args;
struct fuse_conn;
struct fuse_dev;
struct fuse_file;
struct fuse_io_args;
struct fuse_iqueue;
struct fuse_mount;
struct fuse_pqueue;
struct fuse_req;
struct qstr;

/* The part of a connection that is ours. */
struct efuse_conn {
#ifdef CONFIG_FUSE_EFUSE
	/* Who answers, or NULL. Read under SRCU, changed under the policy mutex. */
	struct efuse_ops_policy __rcu *policy;
	/* Among the connections of the policy. Under the policy mutex. */
	struct list_head entry;
	/* What the policy knows the connection by; 0 if it never had one. */
	u64 id;
	/* What the policy was chosen with, EFUSE_PARAMS of them. */
	u64 param[2];
	/* EFUSE_REQ_* of all its requests; set with the policy. */
	u32 flags;
	/*
	 * Counts FORGETs, each before the server can have it and after the policy has: between two
	 * looks with the same number no node id came to stand for another file.
	 */
	atomic_t forgets;
	/* NULL until set up; as long as the connection from then on. */
	struct efuse_rings *rings;
	/* Requests go by them. Set under fc->iq.lock. */
	bool by_rings;
	/* NULL until the server names a file; as long as the connection from then on. */
	struct efuse_directs *directs;
	/* NULL until a READ is offered; likewise. */
	struct efuse_paths *paths;
	/* The policy wants to see contents, */
	bool keeps;
	/* and need not be asked for READs that go another way; set with the policy. */
	bool no_elsewhere;
#endif
};

/* The part of a request that is ours. */
struct efuse_args {
#ifdef CONFIG_FUSE_EFUSE
	/* Who was asked. */
	u64 conn;
	union {
		/* Passed: what the policy keeps from the request to the reply. */
		u64 cookie;
		/* A LOOKUP, answered: held until efuse_lookup_end(), or NULL. */
		struct inode *inode;
	};
	union {
		/* Contents: what is the caller's of them, or NULL. */
		struct efuse_bounce *bounce;
		/* An OPEN or CREATE: what is being opened. Stays until the request has ended. */
		struct fuse_file *opened;
	};
	/* By efuse_data_begin() already. */
	bool asked;
	/* A WRITE that the server has, and is counted by its node. */
	bool served;
#endif
};

/* The part of a request on its way that is ours. */
struct efuse_req {
#ifdef CONFIG_FUSE_EFUSE
	/* Where it is, or NULL if it is on the device, and in which slot. */
	struct efuse_ring *ring;
	u16 slot;
	/* Nobody waits for it: it is counted as a need from the start. */
	bool counted;
	/* Where the thread runs that was woken for it, or EFUSE_WOKE_*. */
	s32 cpu;
#endif
};

/* The part of an open file or folder that is ours. */
struct efuse_file {
#ifdef CONFIG_FUSE_EFUSE
	/* A folder: the server has not been told. Set by the open, cleared under fi->mutex. */
	bool here_only;
	/* A file: what it is read from, or NULL. Changed under the lock of the directs. */
	struct efuse_backing __rcu *backing;
#endif
};

/*
 * The part of a READ that is ours: see choose.c and folio.c. With more than 8 bytes a
 * struct fuse_io_args would take 512.
 */
struct efuse_choice {
#ifdef CONFIG_FUSE_EFUSE
	u32 began;	/* a try: when, in 16 nanoseconds; otherwise 0 */
	u8 state;	/* enum efuse_choice_state; only with MADE the others are something */
	u8 way;		/* enum chooser_way */
	u8 class;
	u8 cached : 1;	/* most of the range was in the page cache */
	u8 unseen : 1;	/* or that, and the file, was not looked at */
#endif
};

/* The part of an inode that is ours. */
struct efuse_inode {
#ifdef CONFIG_FUSE_EFUSE
	/* What the server has may differ from what its files have. Never taken back, */
	bool changes;
	/* as this, which it may unless it hands through what it is told. */
	bool written;
	/* READs by the server's file, and by which one. */
	atomic_t reads;
	u32 file;
	/*
	 * WRITEs that are on their way to that file of the server's. Changed under fi->lock, the
	 * file only while there are none, and read without it, in this order.
	 */
	u32 writers;
	const struct inode *written_to;
	/* Those that were offered to efuse_data_begin() and that the server has. */
	atomic_t served;
	/* Which way its contents are read, NULL for no choice so far. */
	struct efuse_chooser *chooser;
#endif
};

#ifdef CONFIG_FUSE_EFUSE

/*
 * Start the extension, when the device is there already. Returns 0 or -errno,
 * in which case there is nothing to undo.
 */
int efuse_init(void);

/* Undo efuse_init(). No connection exists any more. */
void efuse_exit(void);

/*
 * Every ioctl of the device that FUSE itself does not know. The file may be
 * mounted or not, the caller anyone. Returns 0 or -errno: ENOTTY for one that
 * is not known here either.
 */
long efuse_dev_ioctl(struct file *file, unsigned int cmd, void __user *argp);

static inline void efuse_conn_init(struct efuse_conn *conn)
{
	RCU_INIT_POINTER(conn->policy, NULL);
	atomic_set(&conn->forgets, 0);
	INIT_LIST_HEAD(&conn->entry);
	conn->id = 0;
	conn->rings = NULL;
	conn->by_rings = false;
	conn->directs = NULL;
	conn->paths = NULL;
	conn->keeps = false;
}

/* The last reference to the connection goes. May sleep. */
void efuse_conn_uninit(struct fuse_conn *fc);

/* Whether the calls below are worth making. */
static inline bool efuse_attached(const struct efuse_conn *conn)
{
	return unlikely(rcu_access_pointer(conn->policy));
}

/*
 * Offer a request to the connection's policy. Returns true if it is answered,
 * with what fuse_simple_request() is to return in *ret; false if the server has
 * to be asked, as for every LOOKUP. May sleep.
 */
bool efuse_answer(struct mnt_idmap *idmap, struct fuse_mount *fm,
		  struct fuse_args *args, ssize_t *ret);

/*
 * The same for a LOOKUP, before anything is prepared for asking the server. near
 * is NULL, or what the caller has under that name and keeps until it is done with
 * an answer. When one with a node is not wanted any more efuse_lookup_end() must
 * follow.
 */
bool efuse_lookup(struct fuse_mount *fm, struct fuse_args *args,
		  struct inode *near, ssize_t *ret);

/* Show a background request to the connection's policy. Does not sleep. */
void efuse_observe(struct fuse_mount *fm, struct fuse_args *args);

/*
 * Show a reply, or the error that came in its place, to the connection's policy.
 * idmap as for efuse_answer(), NULL for a background request. Does not sleep.
 */
void efuse_replied(struct mnt_idmap *idmap, struct fuse_mount *fm,
		   struct fuse_args *args, int err);

/*
 * Tell the connection's policy that something is not so any more: attributes
 * that FUSE itself took as stale (mask of STATX_*), what the server said of an
 * inode or a name, and a node that is forgotten. They do not sleep.
 */
void efuse_invalidate_attr(struct fuse_conn *fc, u64 nodeid, u32 mask);
void efuse_invalidate_inode(struct fuse_conn *fc, u64 nodeid);
void efuse_invalidate_entry(struct fuse_conn *fc, u64 parent, const struct qstr *name);
void efuse_forget(struct fuse_conn *fc, u64 nodeid, u64 nlookup);

/*
 * The end of a LOOKUP that a policy has answered with a node. The server has not
 * counted it, so the caller must send no forget. given is whether the caller, who
 * then had nothing near, has given some inode a lookup for it: there are as many as
 * before then. May sleep.
 */
void efuse_lookup_end(struct fuse_args *args, bool given);

/*
 * Open a folder without the server, if the connection's policy allows that and it
 * can be read from the cache. Returns true if it is open; file->private_data is set
 * then. May sleep.
 */
bool efuse_folder_reopen(struct inode *inode, struct file *file);

/*
 * Before a handle of the folder is used: have the server open it, if it has not.
 * Returns 0 or -errno. May sleep, without fi->mutex.
 */
int efuse_folder_open(struct file *file);

/* Whether it is worth offering contents. */
static inline bool efuse_takes_data(const struct efuse_conn *conn)
{
	return efuse_attached(conn) || unlikely(READ_ONCE(conn->directs));
}

/*
 * Offer a READ or WRITE of a caller's own memory to the connection's policy, and to the
 * file that the server named for what is open. Returns
 * true if it is answered, with the bytes or -errno in *ret, and the size of the reply
 * set. Otherwise it is to be sent as it is then, which may not be as it was, and
 * efuse_data_end() must follow whatever comes of it. May sleep.
 */
bool efuse_data_begin(struct fuse_mount *fm, struct fuse_io_args *ia, ssize_t *ret);

/*
 * The end of that: the request is as it was made, and a reply in the caller's memory.
 * Returns ret, or the bytes of the reply if it is none. Does not sleep.
 */
ssize_t efuse_data_end(struct fuse_io_args *ia, ssize_t ret);

/* Whether it is worth offering what fills the page cache. */
static inline bool efuse_has_files(const struct efuse_conn *conn)
{
	return unlikely(READ_ONCE(conn->directs));
}

/*
 * Offer a READ for the page cache to the file that the server named for the open file. Its
 * folios are locked. background is whether nobody waits for it. Returns true if it is
 * answered, with the bytes or -errno in *ret, the size of the reply set and the rest of the
 * folios zeroed. Otherwise it is to be sent, and efuse_folio_end() must follow. Does not
 * wait for a disk, or for anybody who could wait for the folios.
 */
bool efuse_folio_read(struct fuse_mount *fm, struct fuse_io_args *ia, struct file *file,
		      bool background, ssize_t *ret);

/* Whether the call below is to be made. */
static inline bool efuse_folio_offered(const struct efuse_choice *choice)
{
	return unlikely(choice->state);
}

/*
 * The server has answered for the open file, or err came in its place. The inode's folios
 * are locked still.
 */
void efuse_folio_end(struct fuse_io_args *ia, struct fuse_file *ff, struct inode *inode,
		     ssize_t err);

/* An OPEN or CREATE of a file is going to be sent: the server may name one of its own for it. */
static inline void efuse_open_begin(struct efuse_args *args, struct fuse_file *ff)
{
	args->opened = ff;
}

/*
 * The server was told something that is not known here, or says the file has changed: no
 * READ is answered without it any more. To be called before the server can have
 * accepted a change, so that who knows of that finds it here.
 */
static inline void efuse_changes(struct efuse_inode *ei)
{
	if (!READ_ONCE(ei->changes))
		WRITE_ONCE(ei->changes, true);
}

/*
 * Somebody may write the file through this mount, or change its attributes: the same, unless
 * the server is known to hand that through.
 */
static inline void efuse_written(struct efuse_inode *ei)
{
	if (!READ_ONCE(ei->written))
		WRITE_ONCE(ei->written, true);
}

/* What is known of a file that READs could go several ways for. Does not sleep. */
void efuse_chooser_free(struct efuse_chooser *c);

/* The inode is freed. */
static inline void efuse_inode_end(struct efuse_inode *ei)
{
	if (unlikely(ei->chooser))
		efuse_chooser_free(ei->chooser);
}

/* Let go of what the file is read from. Does not sleep. */
void efuse_direct_end(struct fuse_conn *fc, struct efuse_file *ef);

/* An open file ends. Nobody uses it any more. Does not sleep. */
static inline void efuse_file_end(struct fuse_conn *fc, struct efuse_file *ef)
{
	if (unlikely(rcu_access_pointer(ef->backing)))
		efuse_direct_end(fc, ef);
}

/*
 * The connection is aborted, and no request is with the server any more: let go of all
 * files. Does not sleep.
 */
void efuse_direct_abort(struct fuse_conn *fc);

/* The last reference to the connection goes. */
void efuse_direct_free(struct fuse_conn *fc);

/* Whether the request is on a ring: then the three calls below are to be made. */
static inline bool efuse_on_ring(const struct efuse_req *req)
{
	return unlikely(req->ring);
}

/*
 * Before waiting for the answer to a request that is no background one: look for it, if
 * that is likely to pay. Returns whether efuse_ring_waited() is to follow. May sleep.
 */
bool efuse_ring_wait(struct fuse_req *req);

/* The wait is over. */
void efuse_ring_waited(struct fuse_req *req);

/* The request ends: its slot is free. */
void efuse_ring_end(struct fuse_req *req);

/*
 * After the request was marked as finished, with a full barrier: wake who waits for it,
 * if anybody sleeps.
 */
void efuse_ring_wake(struct fuse_req *req);

/* Whether the unique is one of a request on a ring, if there are rings. */
static inline bool efuse_is_ring(u64 unique)
{
	return unlikely(unique >> 48);
}

/* Where the request is to be found that a reply written to fud is for. */
struct fuse_pqueue *efuse_ring_pq(struct fuse_dev *fud, u64 unique);

/*
 * Whether the server looks for requests on rings as well, so that it must not be kept
 * where it reads the device.
 */
static inline bool efuse_by_rings(const struct efuse_conn *conn)
{
	return unlikely(READ_ONCE(conn->by_rings));
}

/* Whether there are requests on rings. */
bool efuse_rings_readable(struct fuse_iqueue *fiq);

/* The connection is aborted: no thread of the server sleeps any more. */
void efuse_rings_abort(struct fuse_iqueue *fiq);

/* The last reference to the connection goes. May sleep. */
void efuse_rings_free(struct fuse_conn *fc);

/* mmap(2) of the device. Returns 0 or -errno. */
int efuse_dev_mmap(struct file *file, struct vm_area_struct *vma);

#else /* !CONFIG_FUSE_EFUSE */

static inline int efuse_init(void)
{
	return 0;
}

static inline void efuse_exit(void)
{
}

static inline long efuse_dev_ioctl(struct file *file, unsigned int cmd,
				   void __user *argp)
{
	return -ENOTTY;
}

static inline void efuse_conn_init(struct efuse_conn *conn)
{
}

static inline void efuse_conn_uninit(struct fuse_conn *fc)
{
}

static inline bool efuse_attached(const struct efuse_conn *conn)
{
	return false;
}

static inline bool efuse_answer(struct mnt_idmap *idmap, struct fuse_mount *fm,
				struct fuse_args *args, ssize_t *ret)
{
	return false;
}

static inline void efuse_observe(struct fuse_mount *fm, struct fuse_args *args)
{
}

static inline void efuse_replied(struct mnt_idmap *idmap, struct fuse_mount *fm,
				 struct fuse_args *args, int err)
{
}

static inline void efuse_invalidate_attr(struct fuse_conn *fc, u64 nodeid, u32 mask)
{
}

static inline void efuse_invalidate_inode(struct fuse_conn *fc, u64 nodeid)
{
}

static inline void efuse_invalidate_entry(struct fuse_conn *fc, u64 parent,
					  const struct qstr *name)
{
}

static inline void efuse_forget(struct fuse_conn *fc, u64 nodeid, u64 nlookup)
{
}

static inline bool efuse_lookup(struct fuse_mount *fm, struct fuse_args *args,
				struct inode *near, ssize_t *ret)
{
	return false;
}

static inline bool efuse_folder_reopen(struct inode *inode, struct file *file)
{
	return false;
}

static inline int efuse_folder_open(struct file *file)
{
	return 0;
}

static inline void efuse_lookup_end(struct fuse_args *args, bool given)
{
}

static inline bool efuse_takes_data(const struct efuse_conn *conn)
{
	return false;
}

static inline bool efuse_has_files(const struct efuse_conn *conn)
{
	return false;
}

static inline bool efuse_folio_read(struct fuse_mount *fm, struct fuse_io_args *ia,
				    struct file *file, bool background, ssize_t *ret)
{
	return false;
}

static inline bool efuse_folio_offered(const struct efuse_choice *choice)
{
	return false;
}

static inline void efuse_folio_end(struct fuse_io_args *ia, struct fuse_file *ff,
				   struct inode *inode, ssize_t err)
{
}

static inline void efuse_open_begin(struct efuse_args *args, struct fuse_file *ff)
{
}

static inline void efuse_changes(struct efuse_inode *ei)
{
}

static inline void efuse_written(struct efuse_inode *ei)
{
}

static inline void efuse_inode_end(struct efuse_inode *ei)
{
}

static inline void efuse_file_end(struct fuse_conn *fc, struct efuse_file *ef)
{
}

static inline void efuse_direct_abort(struct fuse_conn *fc)
{
}

static inline bool efuse_data_begin(struct fuse_mount *fm, struct fuse_io_args *ia,
				    ssize_t *ret)
{
	return false;
}

static inline ssize_t efuse_data_end(struct fuse_io_args *ia, ssize_t ret)
{
	return ret;
}

static inline bool efuse_on_ring(const struct efuse_req *req)
{
	return false;
}

static inline bool efuse_ring_wait(struct fuse_req *req)
{
	return false;
}

static inline void efuse_ring_waited(struct fuse_req *req)
{
}

static inline void efuse_ring_end(struct fuse_req *req)
{
}

static inline void efuse_ring_wake(struct fuse_req *req)
{
}

static inline bool efuse_is_ring(u64 unique)
{
	return false;
}

static inline struct fuse_pqueue *efuse_ring_pq(struct fuse_dev *fud, u64 unique)
{
	return NULL;
}

static inline bool efuse_by_rings(const struct efuse_conn *conn)
{
	return false;
}

static inline bool efuse_rings_readable(struct fuse_iqueue *fiq)
{
	return false;
}

static inline void efuse_rings_abort(struct fuse_iqueue *fiq)
{
}

static inline void efuse_rings_free(struct fuse_conn *fc)
{
}

static inline int efuse_dev_mmap(struct file *file, struct vm_area_struct *vma)
{
	return -ENODEV;
}

#endif /* CONFIG_FUSE_EFUSE */
#endif /* _FS_FUSE_EFUSE_I_H */

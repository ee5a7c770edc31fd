// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fs-mem.c - a file system in memory on libfuse 3's low-level interface, with
 * switches for what a FUSE daemon may do.
 *
 *   fs-mem [OPTIONS] MOUNTPOINT...
 *     -f, -s, -o OPTS	as usual: foreground, single-threaded, mount options
 *     --async		answer from threads that never read a request
 *     --splice, --no-splice	ask libfuse to splice replies too, or nothing
 *     --clone-fd	a /dev/fuse descriptor of its own for every thread
 *     --timeout=SEC	of entries and attributes, default 0
 *     --keep-cache	do not drop cached pages at open
 *     --max-write=N	bytes of the largest WRITE
 *     --permissions	decide by modes who may look up names, and answer access(2)
 *     --child		fork a child after INIT that stays a minute
 *
 * Several mount points are several connections in one process. Files whose
 * names begin with delay-, late-, block and poll behave as mem-store.h says; .ctl
 * takes commands, see mem-ctl.h.
 */
#define FUSE_USE_VERSION 312
#include <getopt.h>
#include <sys/resource.h>

#include "mem-data.h"

#define MEM_MOUNTS	8

struct mount {
	struct store store;
	struct fuse_session *se;
	pthread_t thread;
	const char *dir;
};

static struct {
	int foreground, single, splice, no_splice, clone_fd, child;
	unsigned int max_write;
	int count;
} opt;

static struct mount mounts[MEM_MOUNTS];

static void mem_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	if (opt.no_splice)
		conn->want &= ~(unsigned int)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
					      FUSE_CAP_SPLICE_MOVE);
	if (opt.splice)
		conn->want |= conn->capable & (FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
					       FUSE_CAP_SPLICE_MOVE);
	if (opt.max_write)
		conn->max_write = opt.max_write;
	if (opt.child)
		ctl_fork();
}

static const struct fuse_lowlevel_ops mem_ops = {
	.init		= mem_init,
	.lookup		= mem_lookup,
	.forget		= mem_forget,
	.forget_multi	= mem_forget_multi,
	.getattr	= mem_getattr,
	.setattr	= mem_setattr,
	.readlink	= mem_readlink,
	.mknod		= mem_mknod,
	.mkdir		= mem_mkdir,
	.unlink		= mem_unlink,
	.rmdir		= mem_rmdir,
	.symlink	= mem_symlink,
	.rename		= mem_rename,
	.link		= mem_link,
	.open		= mem_open,
	.create		= mem_create,
	.read		= mem_read,
	.write_buf	= mem_write_buf,
	.flush		= mem_done,
	.release	= mem_done,
	.fsync		= mem_fsync,
	.readdir	= mem_readdir,
	.readdirplus	= mem_readdirplus,
	.statfs		= mem_statfs,
	.access		= mem_access,
	.setxattr	= mem_setxattr,
	.getxattr	= mem_getxattr,
	.listxattr	= mem_listxattr,
	.removexattr	= mem_removexattr,
	.fallocate	= mem_fallocate,
	.lseek		= mem_lseek,
	.poll		= mem_poll,
	.retrieve_reply	= ctl_retrieve_reply,
};

static void raise_nofile(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static int usage(void)
{
	fprintf(stderr, "usage: fs-mem [-f] [-s] [-o OPTS] [--async] [--splice] [--no-splice]\n"
		"       [--clone-fd] [--timeout=SEC] [--keep-cache] [--max-write=N] [--child]\n"
		"       [--permissions] DIR...\n");
	return -1;
}

static int parse(int argc, char **argv, struct fuse_args *args)
{
	static const struct option longs[] = {
		{ "async", 0, &reply_async, 1 }, { "splice", 0, &opt.splice, 1 },
		{ "no-splice", 0, &opt.no_splice, 1 }, { "clone-fd", 0, &opt.clone_fd, 1 },
		{ "keep-cache", 0, &mem_keep_cache, 1 }, { "child", 0, &opt.child, 1 },
		{ "permissions", 0, &mem_permissions, 1 },
		{ "timeout", 1, NULL, 't' }, { "max-write", 1, NULL, 'w' }, { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "fso:", longs, NULL)) != -1) {
		switch (c) {
		case 0: break;
		case 'f': opt.foreground = 1; break;
		case 's': opt.single = 1; break;
		case 't': mem_timeout = atof(optarg); break;
		case 'w': opt.max_write = (unsigned int)atoi(optarg); break;
		case 'o':
			fuse_opt_add_arg(args, "-o");
			fuse_opt_add_arg(args, optarg);
			break;
		default: return usage();
		}
	}
	return argc - optind >= 1 && argc - optind <= MEM_MOUNTS ? 0 : usage();
}

static int mount_one(struct mount *m, const struct fuse_args *common, const char *dir)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);

	for (int i = 0; i < common->argc; i++)
		fuse_opt_add_arg(&args, common->argv[i]);
	store_init(&m->store);
	m->dir = dir;
	m->se = fuse_session_new(&args, &mem_ops, sizeof(mem_ops), &m->store);
	fuse_opt_free_args(&args);
	if (!m->se)
		return -1;
	return fuse_session_mount(m->se, dir);
}

static int serve(struct mount *m)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int err;

	fuse_loop_cfg_set_clone_fd(config, (unsigned int)opt.clone_fd);
	if (opt.single)
		err = fuse_session_loop(m->se);
	else
		err = fuse_session_loop_mt(m->se, config);
	fuse_loop_cfg_destroy(config);
	return err;
}

static void *serve_thread(void *arg)
{
	return (void *)(intptr_t)serve(arg);
}

/* One mount: libfuse's own signal handling. Several: until all are unmounted. */
static int serve_all(void)
{
	int err = 0;

	if (opt.count == 1) {
		if (fuse_set_signal_handlers(mounts[0].se))
			return 1;
		err = serve(&mounts[0]);
		fuse_remove_signal_handlers(mounts[0].se);
		return err;
	}
	for (int i = 0; i < opt.count; i++)
		err |= pthread_create(&mounts[i].thread, NULL, serve_thread, &mounts[i]);
	for (int i = 0; i < opt.count; i++)
		err |= pthread_join(mounts[i].thread, NULL);
	return err;
}

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	int err = 0;

	fuse_opt_add_arg(&args, "fs-mem");
	if (parse(argc, argv, &args))
		return 1;
	raise_nofile();
	for (; !err && optind < argc; optind++, opt.count++)
		err = mount_one(&mounts[opt.count], &args, argv[optind]);
	ctl_session = mounts[0].se;
	if (!err)
		err = fuse_daemonize(opt.foreground);
	if (!err && reply_async)
		reply_start_pool();
	if (!err)
		err = serve_all();
	reply_stop_pool();
	for (int i = 0; i < opt.count; i++)
		fuse_session_unmount(mounts[i].se);
	fuse_opt_free_args(&args);
	return err != 0;
}

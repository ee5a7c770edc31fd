// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fs-mirror.c - shows another folder, on libfuse 3's low-level interface: the
 * file system of the differential tester, which needs exact lookup counts, node
 * ids that come again, and a file system that can be told to invalidate.
 *
 *   fs-mirror SOURCE [OPTIONS] MOUNTPOINT
 *     -f, -s, -o OPTS	as usual: foreground, single-threaded, mount options
 *     --timeout=SEC	of entries, attributes and names that are not there, default 0
 *     --as-caller	SOURCE's permissions decide, for who asks (root only)
 *     --keep-cache	keep cached pages at open
 *     --writeback	let the kernel collect writes
 *     --acl		let the kernel heed access control lists
 *     --twist=HOW	contents are not as they are, see mirror-data.h
 *     --direct		no page cache: every file is open for direct I/O
 *
 * .ctl in the root takes commands, see mirror-data.h.
 */
#define FUSE_USE_VERSION 312
#include <getopt.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "mirror-data.h"

static int single;

static void mirror_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	if (mirror_writeback)
		conn->want |= conn->capable & FUSE_CAP_WRITEBACK_CACHE;
	if (mirror_acl)
		conn->want |= conn->capable & FUSE_CAP_POSIX_ACL;
}

static const struct fuse_lowlevel_ops mirror_ops = {
	.init		= mirror_init,
	.lookup		= mirror_lookup,
	.forget		= mirror_forget,
	.forget_multi	= mirror_forget_multi,
	.getattr	= mirror_getattr,
	.setattr	= mirror_setattr,
	.readlink	= mirror_readlink,
	.mknod		= mirror_mknod,
	.mkdir		= mirror_mkdir,
	.unlink		= mirror_unlink,
	.rmdir		= mirror_rmdir,
	.symlink	= mirror_symlink,
	.rename		= mirror_rename,
	.link		= mirror_link,
	.open		= mirror_open,
	.create		= mirror_create,
	.read		= mirror_read,
	.write_buf	= mirror_write_buf,
	.flush		= mirror_flush,
	.release	= mirror_release,
	.fsync		= mirror_fsync,
	.opendir	= mirror_opendir,
	.readdir	= mirror_readdir,
	.readdirplus	= mirror_readdirplus,
	.releasedir	= mirror_releasedir,
	.statfs		= mirror_statfs,
	.access		= mirror_access,
	.setxattr	= mirror_setxattr,
	.getxattr	= mirror_getxattr,
	.listxattr	= mirror_listxattr,
	.removexattr	= mirror_removexattr,
	.fallocate	= mirror_fallocate,
	.copy_file_range = mirror_copy,
};

static int usage(void)
{
	fprintf(stderr, "usage: fs-mirror SOURCE [-f] [-s] [-o OPTS] [--timeout=SEC] [--as-caller]\n"
		"       [--keep-cache] [--writeback] [--acl] [--direct] [--twist=HOW] MOUNTPOINT\n");
	return -1;
}

static int parse(int argc, char **argv, struct fuse_args *args)
{
	static const struct option longs[] = {
		{ "as-caller", 0, &mirror_as_caller, 1 }, { "writeback", 0, &mirror_writeback, 1 },
		{ "keep-cache", 0, &mirror_keep_cache, 1 }, { "acl", 0, &mirror_acl, 1 },
		{ "direct", 0, &mirror_direct, 1 }, { "timeout", 1, NULL, 't' },
		{ "twist", 1, NULL, 'T' }, { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "fso:", longs, NULL)) != -1) {
		switch (c) {
		case 0: case 'f': break;
		case 's': single = 1; break;
		case 'T':
			mirror_twist = twist_find(optarg);
			if (mirror_twist < 0)
				return usage();
			break;
		case 't': mirror_timeout = atof(optarg); break;
		case 'o':
			fuse_opt_add_arg(args, "-o");
			fuse_opt_add_arg(args, optarg);
			break;
		default: return usage();
		}
	}
	return argc - optind == 2 ? 0 : usage();
}

static int prepare(const char *source)
{
	struct rlimit rl = { .rlim_cur = 2 * NODES, .rlim_max = 2 * NODES };

	umask(0);
	if (setrlimit(RLIMIT_NOFILE, &rl) || (mirror_as_caller && setgroups(0, NULL)))
		return -1;
	return node_init(open(source, O_PATH | O_CLOEXEC), memfd_create("ctl", MFD_CLOEXEC));
}

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int err;

	fuse_opt_add_arg(&args, "fs-mirror");
	if (parse(argc, argv, &args))
		return 1;
	if (prepare(argv[optind])) {
		perror("fs-mirror");
		return 1;
	}
	mirror_session = fuse_session_new(&args, &mirror_ops, sizeof(mirror_ops), NULL);
	if (!mirror_session || fuse_session_mount(mirror_session, argv[optind + 1]))
		return 1;
	fuse_set_signal_handlers(mirror_session);
	err = single ? fuse_session_loop(mirror_session) : fuse_session_loop_mt(mirror_session, config);
	fuse_session_unmount(mirror_session);
	fuse_loop_cfg_destroy(config);
	fuse_opt_free_args(&args);
	return err != 0;
}

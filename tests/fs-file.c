// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fs-file.c - a FUSE file system (libfuse 3) whose root is one regular file,
 * to be mounted on a file.
 *
 *   fs-file SOURCE MOUNTPOINT [-o OPTIONS] [-f]
 *
 * The file says where it came from. SOURCE becomes the source of the mount.
 */
#define FUSE_USE_VERSION 31
#include <fuse.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char text[4096];

static int file_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	(void)fi;
	if (strcmp(path, "/") != 0)
		return -ENOENT;
	*st = (struct stat){ .st_mode = S_IFREG | 0444, .st_nlink = 1,
			     .st_size = (off_t)strlen(text) };
	return 0;
}

static int file_open(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	fi->direct_io = 1;
	return 0;
}

static int file_read(const char *path, char *buf, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	size_t len = strlen(text);

	(void)path;
	(void)fi;
	if ((size_t)off >= len)
		return 0;
	if (size > len - (size_t)off)
		size = len - (size_t)off;
	memcpy(buf, text + off, size);
	return (int)size;
}

static const struct fuse_operations operations = {
	.getattr = file_getattr,
	.open = file_open,
	.read = file_read,
};

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	char names[4200];
	int ret;

	if (argc < 3) {
		fprintf(stderr, "usage: fs-file SOURCE MOUNTPOINT [-o OPTIONS]\n");
		return 1;
	}
	snprintf(text, sizeof(text), "from %s\n", argv[1]);
	snprintf(names, sizeof(names), "-ofsname=%s,subtype=fs-file", argv[1]);
	fuse_opt_add_arg(&args, argv[0]);
	for (int i = 2; i < argc; i++)
		fuse_opt_add_arg(&args, argv[i]);
	fuse_opt_add_arg(&args, names);
	ret = fuse_main(args.argc, args.argv, &operations, NULL);
	fuse_opt_free_args(&args);
	return ret;
}

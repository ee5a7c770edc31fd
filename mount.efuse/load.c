// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * load.c - `efuse load`: has policy.c, a program of its own, register policies
 * with the efuse driver. Here is only the command line.
 */
#include "mount.efuse/load.h"

#include <getopt.h>

#include "mount.efuse/msg.h"
#include "mount.efuse/util.h"

/* The program: $EFUSE_POLICY_LOADER, or the installed one. */
#define LOADER_ENV	"EFUSE_POLICY_LOADER"

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

static int usage(FILE *out, int ret)
{
	fputs("Usage: efuse load FILE...\n"
	      "       efuse load -u NAME...\n"
	      "       efuse load -l | -c\n"
	      "Register BPF policies with the efuse driver, under which mounts choose them.\n"
	      "  -u, --unload  take policies away; their mounts go on without\n"
	      "  -l, --list    the policies that are loaded\n"
	      "  -c, --counts  what they have answered, by kind of request\n"
	      "  -h, --help    this text\n", out);
	return fflush(out) ? EXIT_FAILED : ret;
}

/* What policy.c is to do, or NULL with the exit status in RET. */
static const char *parse(int argc, char **argv, int *ret)
{
	static const struct option long_options[] = {
		{ "unload", no_argument, NULL, 'u' },
		{ "list", no_argument, NULL, 'l' },
		{ "counts", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *what = "load";
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "+ulch", long_options, NULL)) != -1) {
		if (c != 'u' && c != 'l' && c != 'c') {
			*ret = c == 'h' ? usage(stdout, EXIT_OK) : usage(stderr, EXIT_USAGE);
			return NULL;
		}
		what = c == 'u' ? "unload" : c == 'l' ? "list" : "counts";
	}
	if ((streq(what, "list") || streq(what, "counts")) == (optind < argc)) {
		*ret = usage(stderr, EXIT_USAGE);
		return NULL;
	}
	return what;
}

int load_main(int argc, char **argv)
{
	__cleanup(freep) char **args = NULL;
	const char *loader = getenv(LOADER_ENV), *what;
	int n = 0, ret;

	what = parse(argc, argv, &ret);
	if (!what)
		return ret;
	if (!loader || !*loader)
		loader = LOADER_PATH;
	args = calloc(argc + 3, sizeof(*args));
	if (!args) {
		msg_error("load", loader, -ENOMEM);
		return EXIT_FAILED;
	}
	args[n++] = (char *)loader;
	args[n++] = (char *)what;
	for (int i = optind; i < argc; i++)
		args[n++] = argv[i];
	execv(loader, args);
	if (errno == ENOENT)
		msg_say("load", "%s is not there: efuse was built without BPF (make bpf)", loader);
	else
		msg_error("load", loader, -errno);
	return EXIT_FAILED;
}

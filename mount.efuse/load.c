// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * load.c - `efuse load`: has policy.c, a program of its own, register policies
 * with the efuse driver. Here is only the command line.
 */
#include "mount.efuse/load.h"

#include <getopt.h>

#include "mount.efuse/msg.h"
#include "mount.efuse/util.h"
#include "shim/config.h"

/* The program: $EFUSE_POLICY_LOADER, or the installed one. */
#define LOADER_ENV	"EFUSE_POLICY_LOADER"

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

static int usage(FILE *out, int ret)
{
	fputs("Usage: efuse load [-m MIB] FILE...\n"
	      "       efuse load -u NAME...\n"
	      "       efuse load -l | -c\n"
	      "Register BPF policies with the efuse driver, under which mounts choose them.\n"
	      "  -m, --memory=MIB  memory for contents of files (a 64th of all, 64 at most)\n"
	      "  -u, --unload      take policies away; their mounts go on without\n"
	      "  -l, --list        the policies that are loaded\n"
	      "  -c, --counts      what they have answered, by kind of request\n"
	      "  -h, --help        this text\n", out);
	return fflush(out) ? EXIT_FAILED : ret;
}

/* Whether TEXT is a number of MiB that a policy may have. */
static bool is_memory(const char *text)
{
	unsigned int mib;

	return config_number(text, 0, CONFIG_MEM_MAX, &mib) == 0;
}

/* What policy.c is to do, or NULL with the exit status in RET; MEMORY is NULL if not given. */
static const char *parse(int argc, char **argv, const char **memory, int *ret)
{
	static const struct option long_options[] = {
		{ "memory", required_argument, NULL, 'm' },
		{ "unload", no_argument, NULL, 'u' },
		{ "list", no_argument, NULL, 'l' },
		{ "counts", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *what = "load";
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "+m:ulch", long_options, NULL)) != -1) {
		if (c == 'm' && is_memory(optarg)) {
			*memory = optarg;
			continue;
		}
		if (c != 'u' && c != 'l' && c != 'c') {
			*ret = c == 'h' ? usage(stdout, EXIT_OK) : usage(stderr, EXIT_USAGE);
			return NULL;
		}
		what = c == 'u' ? "unload" : c == 'l' ? "list" : "counts";
	}
	if ((streq(what, "list") || streq(what, "counts")) == (optind < argc) ||
	    (*memory && !streq(what, "load"))) {
		*ret = usage(stderr, EXIT_USAGE);
		return NULL;
	}
	return what;
}

int load_main(int argc, char **argv)
{
	__cleanup(freep) char **args = NULL;
	const char *loader = getenv(LOADER_ENV), *what, *memory = NULL;
	__cleanup(freep) char *option = NULL;
	int n = 0, ret;

	what = parse(argc, argv, &memory, &ret);
	if (!what)
		return ret;
	if (!loader || !*loader)
		loader = LOADER_PATH;
	args = calloc(argc + 3, sizeof(*args));
	if (!args || (memory && asprintf(&option, "--memory=%s", memory) < 0)) {
		msg_error("load", loader, -ENOMEM);
		return EXIT_FAILED;
	}
	args[n++] = (char *)loader;
	if (option)
		args[n++] = option;
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

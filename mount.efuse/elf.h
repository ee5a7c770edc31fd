/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * elf.h - the little we need to know of an ELF file, read without running it.
 *
 * The file is untrusted: every offset and length in it is checked against its
 * size before it is used.
 */
#ifndef EFUSE_ELF_H
#define EFUSE_ELF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct elf {
	const unsigned char *data;	/* the whole file, mapped read-only */
	size_t size;
};

/* Map the file at PATH. Returns 0 or -errno (-ENODATA: an empty file). */
int elf_open(struct elf *e, const char *path);
void elf_close(struct elf *e);

/* Any ELF file at all. */
bool elf_is_elf(const struct elf *e);

/* An ELF file of the word size, byte order and architecture this program has. */
bool elf_is_native(const struct elf *e);

/* The program interpreter (dynamic linker) it asks for, NULL when it is static. */
const char *elf_interpreter(const struct elf *e);

/* Does it carry the note the Go linker leaves in every program? */
bool elf_is_go(const struct elf *e);

/* The value of the exported 32-bit object NAME into *VALUE. 0, -ENOENT or -ENOEXEC. */
int elf_symbol_u32(const struct elf *e, const char *name, uint32_t *value);

/* Do the bytes of TEXT occur anywhere in the file? */
bool elf_contains(const struct elf *e, const char *text);

#endif

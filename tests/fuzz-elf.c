// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz-elf.c - the ELF reader on arbitrary files: whatever they say, it stays
 * within them. The first bytes are made right, so that the rest is looked at.
 */
#include "mount.efuse/elf.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	__cleanup(freep) unsigned char *copied = malloc(size ? size : 1);
	struct elf e = { .data = copied, .size = size };
	uint32_t value;

	if (size > EI_DATA) {
		memcpy(copied, data, size);
		memcpy(copied, ELFMAG, SELFMAG);
		copied[EI_CLASS] = NATIVE_CLASS;
		copied[EI_DATA] = NATIVE_DATA;
	} else {
		e.size = 0;
	}
	elf_is_elf(&e);
	elf_is_go(&e);
	elf_interpreter(&e);
	elf_symbol_u32(&e, "efuse_shim_abi", &value);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * elf.c - reads ELF files of this machine's kind, trusting nothing in them.
 * See elf.h.
 */
#include "mount.efuse/elf.h"

#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "mount.efuse/util.h"

#if __ELF_NATIVE_CLASS == 64
#define NATIVE_CLASS	ELFCLASS64
#else
#define NATIVE_CLASS	ELFCLASS32
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_DATA	ELFDATA2LSB
#else
#define NATIVE_DATA	ELFDATA2MSB
#endif

int elf_open(struct elf *e, const char *path)
{
	__cleanup(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	void *map;

	*e = (struct elf){ 0 };
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	if (st.st_size == 0)
		return -ENODATA;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	e->data = map;
	e->size = (size_t)st.st_size;
	return 0;
}

void elf_close(struct elf *e)
{
	if (e->data)
		munmap((void *)e->data, e->size);
	*e = (struct elf){ 0 };
}

/* LEN bytes at OFF copied to OUT, if the file has them: no alignment is assumed. */
static bool copy(const struct elf *e, uint64_t off, void *out, size_t len)
{
	if (off > e->size || len > e->size - off)
		return false;
	memcpy(out, e->data + off, len);
	return true;
}

/* The string at OFF, if it ends within the file. */
static const char *string(const struct elf *e, uint64_t off)
{
	if (off >= e->size || !memchr(e->data + off, '\0', e->size - off))
		return NULL;
	return (const char *)e->data + off;
}

static bool header(const struct elf *e, ElfW(Ehdr) *h)
{
	return copy(e, 0, h, sizeof(*h)) && memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 &&
	       h->e_ident[EI_CLASS] == NATIVE_CLASS && h->e_ident[EI_DATA] == NATIVE_DATA;
}

bool elf_is_elf(const struct elf *e)
{
	return e->size >= SELFMAG && memcmp(e->data, ELFMAG, SELFMAG) == 0;
}

bool elf_is_native(const struct elf *e)
{
	struct elf self;
	ElfW(Ehdr) theirs, ours;
	bool same;

	if (elf_open(&self, "/proc/self/exe") < 0)
		return header(e, &theirs);
	same = header(e, &theirs) && header(&self, &ours) && theirs.e_machine == ours.e_machine;
	elf_close(&self);
	return same;
}

/* Program header number I; false when there is none. */
static bool segment(const struct elf *e, unsigned int i, ElfW(Phdr) *p)
{
	ElfW(Ehdr) h;

	return header(e, &h) && i < h.e_phnum && h.e_phentsize == sizeof(*p) &&
	       copy(e, h.e_phoff + (uint64_t)i * sizeof(*p), p, sizeof(*p));
}

static bool section(const struct elf *e, unsigned int i, ElfW(Shdr) *s)
{
	ElfW(Ehdr) h;

	return header(e, &h) && i < h.e_shnum && h.e_shentsize == sizeof(*s) &&
	       copy(e, h.e_shoff + (uint64_t)i * sizeof(*s), s, sizeof(*s));
}

const char *elf_interpreter(const struct elf *e)
{
	ElfW(Phdr) p;

	for (unsigned int i = 0; segment(e, i, &p); i++)
		if (p.p_type == PT_INTERP)
			return string(e, p.p_offset);
	return NULL;
}

/* One segment of notes: is one of them by "Go"? */
static bool notes_by_go(const struct elf *e, uint64_t off, uint64_t len)
{
	ElfW(Nhdr) note;
	char name[4];

	for (uint64_t at = 0; at < len && copy(e, off + at, &note, sizeof(note));) {
		if (note.n_namesz == 3 || note.n_namesz == 4)
			if (copy(e, off + at + sizeof(note), name, 3) && !memcmp(name, "Go", 3))
				return true;
		at += sizeof(note) + (((uint64_t)note.n_namesz + 3) & ~3ull) +
		      (((uint64_t)note.n_descsz + 3) & ~3ull);
	}
	return false;
}

bool elf_is_go(const struct elf *e)
{
	ElfW(Phdr) p;

	for (unsigned int i = 0; segment(e, i, &p); i++)
		if (p.p_type == PT_NOTE && notes_by_go(e, p.p_offset, p.p_filesz))
			return true;
	return false;
}

/* Where in the file the byte that is loaded at ADDR comes from. */
static bool file_offset(const struct elf *e, uint64_t addr, uint64_t *off)
{
	ElfW(Phdr) p;

	for (unsigned int i = 0; segment(e, i, &p); i++) {
		if (p.p_type != PT_LOAD || addr < p.p_vaddr || addr - p.p_vaddr >= p.p_filesz)
			continue;
		*off = p.p_offset + (addr - p.p_vaddr);
		return true;
	}
	return false;
}

static bool find_in(const struct elf *e, const ElfW(Shdr) *syms, const ElfW(Shdr) *strings,
		    const char *wanted, uint64_t *addr)
{
	ElfW(Sym) sym;

	for (uint64_t i = 0; i < syms->sh_size / sizeof(sym); i++) {
		const char *name;

		if (!copy(e, syms->sh_offset + i * sizeof(sym), &sym, sizeof(sym)))
			return false;
		if (sym.st_shndx == SHN_UNDEF || sym.st_name >= strings->sh_size)
			continue;
		name = string(e, strings->sh_offset + sym.st_name);
		if (name && streq(name, wanted)) {
			*addr = sym.st_value;
			return true;
		}
	}
	return false;
}

int elf_symbol_u32(const struct elf *e, const char *name, uint32_t *value)
{
	ElfW(Shdr) syms, strings;
	uint64_t addr, off;

	for (unsigned int i = 0; section(e, i, &syms); i++) {
		if (syms.sh_type != SHT_DYNSYM)
			continue;
		if (!section(e, syms.sh_link, &strings))
			return -ENOEXEC;
		if (!find_in(e, &syms, &strings, name, &addr))
			return -ENOENT;
		if (!file_offset(e, addr, &off) || !copy(e, off, value, sizeof(*value)))
			return -ENOEXEC;
		return 0;
	}
	return -ENOEXEC;
}

bool elf_contains(const struct elf *e, const char *text)
{
	return memmem(e->data, e->size, text, strlen(text)) != NULL;
}

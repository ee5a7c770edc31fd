// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ringmem.c - the memory of rings: pages of the node that their core belongs to, which
 * count against RLIMIT_MEMLOCK of who sets the rings up, and their mappings. The
 * server's page tables are filled as it touches the pages.
 */
#include "../fuse_i.h"
#include "ring.h"

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>

static int account(struct efuse_ring_mem *mem, unsigned long pages)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	struct user_struct *user = current_user();

	if (capable(CAP_IPC_LOCK))
		return 0;
	if (atomic_long_add_return(pages, &user->locked_vm) > limit) {
		atomic_long_sub(pages, &user->locked_vm);
		return -ENOMEM;
	}
	mem->user = get_uid(user);
	mem->accounted = pages;
	return 0;
}

static void part_free(struct efuse_ring_part *part, unsigned int nr)
{
	if (part->base)
		vunmap(part->base);
	for (unsigned int i = 0; part->pages && i < nr && part->pages[i]; i++)
		__free_page(part->pages[i]);
	kvfree(part->pages);
}

/* Undone by part_free(), however far it has come. */
static int part_alloc(struct efuse_ring_part *part, unsigned int nr, int node)
{
	part->pages = kvcalloc(nr, sizeof(*part->pages), GFP_KERNEL_ACCOUNT);
	if (!part->pages)
		return -ENOMEM;
	for (unsigned int i = 0; i < nr; i++) {
		part->pages[i] = alloc_pages_node(node, GFP_KERNEL_ACCOUNT | __GFP_ZERO, 0);
		if (!part->pages[i])
			return -ENOMEM;
	}
	part->base = vmap(part->pages, nr, VM_MAP, PAGE_KERNEL);
	return part->base ? 0 : -ENOMEM;
}

static void mem_free(struct efuse_ring_mem *mem)
{
	for (unsigned int i = 0; i < mem->nr_parts; i++)
		part_free(&mem->part[i], mem->nr_pages[i % 2]);
	if (mem->user) {
		atomic_long_sub(mem->accounted, &mem->user->locked_vm);
		free_uid(mem->user);
	}
	kvfree(mem);
}

/* The node of a core that may not be there yet. */
static int node_of(unsigned int cpu)
{
	int node = cpu_possible(cpu) ? cpu_to_node(cpu) : NUMA_NO_NODE;

	return node != NUMA_NO_NODE && node_online(node) ? node : NUMA_NO_NODE;
}

static int mem_alloc(struct efuse_ring_mem *mem)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < mem->nr_parts; i++) {
		mem->part[i].writable = i % 2;
		err = part_alloc(&mem->part[i], mem->nr_pages[i % 2], node_of(i / 2));
		if (fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	}
	return err;
}

/* The last mapping is gone, and so are the rings. */
static int mem_release(struct inode *inode, struct file *file)
{
	mem_free(file->private_data);
	return 0;
}

static const struct file_operations mem_fops = {
	.owner = THIS_MODULE,
	.release = mem_release,
};

struct efuse_ring_mem *efuse_ring_mem_new(unsigned int nr, u32 kernel_bytes,
					  u32 daemon_bytes, struct file **file)
{
	struct efuse_ring_mem *mem;
	struct file *owner = NULL;
	int err;

	mem = kvzalloc(struct_size(mem, part, 2 * nr), GFP_KERNEL_ACCOUNT);
	if (!mem)
		return ERR_PTR(-ENOMEM);
	mem->nr_parts = 2 * nr;
	mem->nr_pages[0] = kernel_bytes >> PAGE_SHIFT;
	mem->nr_pages[1] = daemon_bytes >> PAGE_SHIFT;
	err = account(mem, (unsigned long)nr * (mem->nr_pages[0] + mem->nr_pages[1])) ?:
	      mem_alloc(mem);
	if (!err) {
		owner = anon_inode_getfile("[efuse-ring]", &mem_fops, mem, O_RDWR);
		err = PTR_ERR_OR_ZERO(owner);
	}
	if (err) {
		mem_free(mem);
		return ERR_PTR(err);
	}
	*file = owner;
	return mem;
}

/* --- mappings ---------------------------------------------------------------- */

#define STRIDE_PAGES	(EFUSE_RING_STRIDE >> PAGE_SHIFT)

/* The offset says which page, whatever has become of the mapping meanwhile. */
static vm_fault_t mem_fault(struct vm_fault *vmf)
{
	struct efuse_ring_mem *mem = vmf->vma->vm_file->private_data;
	unsigned int part = vmf->pgoff / STRIDE_PAGES;
	unsigned int page = vmf->pgoff % STRIDE_PAGES;

	if (part >= mem->nr_parts || page >= mem->nr_pages[part % 2])
		return VM_FAULT_SIGBUS;
	vmf->page = mem->part[part].pages[page];
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct mem_vm_ops = {
	.fault = mem_fault,
};

int efuse_ring_mem_map(struct efuse_rings *rings, struct vm_area_struct *vma)
{
	struct efuse_ring_mem *mem = rings->mem;
	unsigned long part = vma->vm_pgoff / STRIDE_PAGES;

	if (part >= mem->nr_parts || vma->vm_pgoff % STRIDE_PAGES ||
	    vma_pages(vma) != mem->nr_pages[part % 2] || !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (!mem->part[part].writable) {
		if (vma->vm_flags & VM_WRITE)
			return -EPERM;
		vm_flags_clear(vma, VM_MAYWRITE);
	}
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &mem_vm_ops;
	vma_set_file(vma, rings->file);
	return 0;
}

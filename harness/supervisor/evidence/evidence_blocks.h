/*
 * evidence_blocks.h: what the agent has put down about misused blocks, read with the care that
 * evidence.h takes: a record that can't be is none. All pure.
 */
#ifndef SUPERVISOR_EVIDENCE_BLOCKS_H
#define SUPERVISOR_EVIDENCE_BLOCKS_H

#include <harness/detector.h>

#include <stdbool.h>
#include <stdint.h>

/** evidence_fault() - record @index of a misused block of this cycle, or NULL. */
const struct abi_heap_fault *evidence_fault(const struct evidence *evidence, unsigned index);

/**
 * evidence_sample() - the block between guard pages that @address has to do with: on whose page
 * it lies or, for a page between two, which of them is nearer. NULL where there is none.
 * @offset: of the address from the block's start. @slot: its number.
 */
const struct abi_guard_slot *evidence_sample(const struct evidence *evidence, uint64_t address,
                                             int64_t *offset, unsigned *slot);

/**
 * evidence_sample_crash() - the same for the crash: it was stopped by a guard page, or on the page
 * of a block that had been freed.
 */
const struct abi_guard_slot *evidence_sample_crash(const struct evidence *evidence, int64_t *offset,
                                                   unsigned *slot);

/** evidence_fault_crash() - the fault at which the allocator aborted, in the same call; or NULL. */
const struct abi_heap_fault *evidence_fault_crash(const struct evidence *evidence);

#endif

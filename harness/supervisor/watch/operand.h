/*
 * operand.h: which memory an x86-64 instruction touches, as far as spin loops need it.
 *
 * No disassembler: what is not known is not claimed. Pure functions on bytes, which may be
 * anything; nothing is read beyond @length.
 */
#ifndef SUPERVISOR_WATCH_OPERAND_H
#define SUPERVISOR_WATCH_OPERAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * operand_address() - the address of an instruction's memory operand.
 * @code: the instruction, @length bytes of it are known.
 * @general: rax rcx rdx rbx rsp rbp rsi rdi r8 .. r15, as they were before it.
 * @next: address of the instruction that ran after it: what rip-relative operands count from.
 *
 * False where it has none (stack pushes, jumps, prefetches and address arithmetic count so), or
 * it is not understood.
 */
bool operand_address(const unsigned char *code, size_t length, const uint64_t general[16],
                     uint64_t fs_base, uint64_t next, uint64_t *address);

/**
 * operand_store() - finds an instruction in @code that writes to @word by a rip-relative operand.
 * @or_address: or that takes its address, with which something may write it later.
 * @at: address of @code. @where: address of its operand byte (inside the instruction).
 *
 * Needs no start of an instruction: four bytes that by chance lead from where they lie to @word
 * exactly are as rare as one in four billion.
 */
bool operand_store(const unsigned char *code, size_t length, uint64_t at, uint64_t word,
                   bool or_address, uint64_t *where);

/** operand_call() - where a direct call at @offset of @code would go; false if there is none. */
bool operand_call(const unsigned char *code, size_t length, size_t offset, uint64_t at,
                  uint64_t *target);

#endif

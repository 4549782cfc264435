/*
 * cfi.h: a return instruction that unwinders can cross.
 *
 * loader.S lets the loader return to a `ret` of the caller's module. While it runs, that place
 * stands in the stack as a frame of its own, and whoever unwinds (backtrace, a cancellation, a
 * debugger) asks the module's call frame information what lies there. So the place must be one
 * of which it is said: return address on top, no register saved, no handler.
 *
 * Reads mapped code and .eh_frame only; safe anywhere. Source: the System V ABI for x86-64 and
 * DWARF 5, section 6.4; LSB 5, ".eh_frame" and ".eh_frame_hdr".
 */
#ifndef AGENT_CFI_H
#define AGENT_CFI_H

#include <stdbool.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

/**
 * cfi_ret() - address of a ret (0xc3) in [@from, @to), code of one module.
 * @frames: the module's .eh_frame_hdr, NULL if it has none.
 *
 * @crosses: whether unwinders cross it; NULL where nobody wants to know.
 *
 * The best that there is: one that unwinders cross; one of which nothing is said, where they
 * stop; any. 0 if the code has no such byte.
 */
uint64_t cfi_ret(const unsigned char *from, const unsigned char *to, const void *frames,
                 bool *crosses);

#pragma GCC visibility pop

#endif

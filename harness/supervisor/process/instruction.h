/*
 * instruction.h: how long an x86-64 instruction is, and where it leads.
 *
 * For moving the first instructions of a function elsewhere (--lap-at). Knows what compilers and
 * hand-written entries use of the general instructions and of SSE; anything else it refuses
 * rather than guesses. Pure.
 */
#ifndef SUPERVISOR_INSTRUCTION_H
#define SUPERVISOR_INSTRUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INSTRUCTION_BYTES = 15 };

/** enum instruction_kind - what happens after it. */
enum instruction_kind {
    INSTRUCTION_PLAIN,  /* the next one */
    INSTRUCTION_BRANCH, /* the next one, or its target */
    INSTRUCTION_JUMP,   /* its target, where that is known */
    INSTRUCTION_CALL,   /* its target, and then the next one */
    INSTRUCTION_END,    /* a return, or what never comes back */
};

/**
 * struct instruction - one.
 * @length: in bytes. @opcode: place of the (last) opcode byte.
 * @relative: place of a displacement relative to the instruction's end; 0: there is none.
 * @relative_bytes: 1 or 4. @displacement: its value.
 */
struct instruction {
    enum instruction_kind kind;
    unsigned length;
    unsigned opcode;
    unsigned relative;
    unsigned relative_bytes;
    int32_t displacement;
};

/** instruction_read() - decodes what stands at @code; false: not known, or cut off by @bytes. */
bool instruction_read(const uint8_t *code, size_t bytes, struct instruction *out);

#endif

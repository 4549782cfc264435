/*
 * operand: just enough of x86-64's encoding to name the word that a loop reads, and to find who
 * writes it. Source: Intel SDM volume 2, chapter 2 (prefixes, ModRM, SIB, rip-relative).
 */
#include "operand.h"

#include <string.h>

enum { REX_B = 1, REX_X = 2, FS_PREFIX = 0x64, GS_PREFIX = 0x65, LEA = 0x8d };

static int32_t displacement(const unsigned char *bytes)
{
    int32_t value;

    memcpy(&value, bytes, sizeof value);
    return value;
}

/** struct code - what is left of an instruction. */
struct code {
    const unsigned char *at;
    size_t left;
    unsigned rex;
    bool fs;
    bool unknown; /* a prefix whose meaning is not known here */
};

static void skip_prefixes(struct code *code)
{
    static const unsigned char prefixes[] = {0x66, 0x67, 0xf0, 0xf2,      0xf3,     0x2e,
                                             0x36, 0x3e, 0x26, FS_PREFIX, GS_PREFIX};

    while (code->left > 0 && memchr(prefixes, *code->at, sizeof prefixes) != NULL) {
        code->fs |= *code->at == FS_PREFIX;
        code->unknown |= *code->at == GS_PREFIX || *code->at == 0x67;
        code->at++;
        code->left--;
    }
    if (code->left > 0 && (*code->at & 0xf0) == 0x40) {
        code->rex = *code->at++ & 0xf;
        code->left--;
    }
}

static bool is_one_byte_with_operand(const unsigned char *at)
{
    unsigned char op = at[0];
    unsigned extension = at[1] >> 3 & 7;

    if (op < 0x40)
        return (op & 7) < 4;
    if (op == 0xff)
        return extension < 2; /* the others call, jump and push */
    return op == 0x63 || op == 0x69 || op == 0x6b || (op >= 0x80 && op <= 0x8b) || op == 0xc0 ||
           op == 0xc1 || op == 0xc6 || op == 0xc7 || (op >= 0xd0 && op <= 0xd3) || op == 0xf6 ||
           op == 0xf7 || op == 0xfe;
}

static bool is_two_byte_with_operand(unsigned char op)
{
    return (op >= 0x10 && op <= 0x17) || (op >= 0x28 && op <= 0x2f) || (op >= 0x40 && op <= 0x76) ||
           (op >= 0x90 && op <= 0x9f) || op == 0xa3 || op == 0xab ||
           (op >= 0xaf && op <= 0xc7 && op != 0xb9);
}

/* Leaves @code at the ModRM byte, if there is one. */
static bool find_operand(struct code *code)
{
    skip_prefixes(code);
    if (code->unknown || code->left < 3)
        return false;
    if (code->at[0] == 0x0f) {
        if (!is_two_byte_with_operand(code->at[1]))
            return false;
        code->at += 2;
        code->left -= 2;
        return true;
    }
    if (code->at[0] == LEA || !is_one_byte_with_operand(code->at))
        return false;
    code->at++;
    code->left--;
    return true;
}

static bool with_index(struct code *code, unsigned mode, const uint64_t general[16],
                       uint64_t *address)
{
    unsigned sib, index, base;

    if (code->left < 1)
        return false;
    sib = *code->at++;
    code->left--;
    index = (sib >> 3 & 7) | (code->rex & REX_X ? 8 : 0);
    base = (sib & 7) | (code->rex & REX_B ? 8 : 0);
    if (index != 4)
        *address += general[index] << (sib >> 6);
    if (mode != 0 || (sib & 7) != 5) {
        *address += general[base];
        return true;
    }
    if (code->left < 4)
        return false;
    *address += (uint64_t)(int64_t)displacement(code->at);
    return true;
}

static bool add_displacement(const struct code *code, unsigned mode, uint64_t *address)
{
    if (mode == 1 && code->left >= 1)
        *address += (uint64_t)(int64_t)(int8_t)*code->at;
    else if (mode == 2 && code->left >= 4)
        *address += (uint64_t)(int64_t)displacement(code->at);
    else
        return mode == 0;
    return true;
}

bool operand_address(const unsigned char *bytes, size_t length, const uint64_t general[16],
                     uint64_t fs_base, uint64_t next, uint64_t *address)
{
    struct code code = {.at = bytes, .left = length};
    unsigned modrm, mode, low;

    if (!find_operand(&code))
        return false;
    modrm = *code.at++;
    code.left--;
    mode = modrm >> 6;
    low = modrm & 7;
    *address = code.fs ? fs_base : 0;
    if (mode == 3)
        return false;
    if (low == 4)
        return with_index(&code, mode, general, address) && add_displacement(&code, mode, address);
    if (mode == 0 && low == 5) {
        if (code.left < 4)
            return false;
        *address += next + (uint64_t)(int64_t)displacement(code.at);
        return true;
    }
    *address += general[low | (code.rex & REX_B ? 8 : 0)];
    return add_displacement(&code, mode, address);
}

/* --- who writes ------------------------------------------------------------------------------ */

/* @at: the ModRM byte; three bytes before it can be read. */
static bool is_store(const unsigned char *at)
{
    unsigned char op = at[-1];
    unsigned extension = at[0] >> 3 & 7;

    if (at[-2] == 0x0f)
        return op == 0xb0 || op == 0xb1 || op == 0xc0 || op == 0xc1 || op == 0xab || op == 0xb3 ||
               op == 0xbb || (op == 0xba && extension >= 5);
    if (op < 0x38)
        return (op & 7) < 2;
    switch (op) {
    case 0x86:
    case 0x87:
    case 0x88:
    case 0x89:
        return true;
    case 0xc6:
    case 0xc7:
        return extension == 0;
    case 0x80:
    case 0x81:
    case 0x83:
        return extension != 7; /* that compares */
    case 0xf6:
    case 0xf7:
        return extension == 2 || extension == 3;
    case 0xfe:
    case 0xff:
        return extension < 2;
    default:
        return false;
    }
}

/* Behind the displacement stands nothing, or a constant of one, two or four bytes. */
static bool leads_to(const unsigned char *bytes, uint64_t at, uint64_t word)
{
    uint64_t distance = word - (at + 4 + (uint64_t)(int64_t)displacement(bytes));

    return distance == 0 || distance == 1 || distance == 2 || distance == 4;
}

bool operand_store(const unsigned char *code, size_t length, uint64_t at, uint64_t word,
                   bool or_address, uint64_t *where)
{
    for (size_t i = 2; i + 5 <= length; i++)
        if ((code[i] & 0xc7) == 0x05 && leads_to(code + i + 1, at + i + 1, word) &&
            (is_store(code + i) || (or_address && code[i - 1] == LEA))) {
            *where = at + i;
            return true;
        }
    return false;
}

bool operand_call(const unsigned char *code, size_t length, size_t offset, uint64_t at,
                  uint64_t *target)
{
    if (offset >= length || length - offset < 5 || code[offset] != 0xe8)
        return false;
    *target = at + offset + 5 + (uint64_t)(int64_t)displacement(code + offset + 1);
    return true;
}

/*
 * instruction: lengths by tables of the opcode maps, one letter for each opcode.
 *
 * Source: Intel SDM vol. 2, appendix A (opcode maps) and 2.1, 2.2 (formats, 64-bit mode).
 */
#include "instruction.h"

#include <string.h>

/*
 * . no operand bytes   m ModRM   b imm8   w imm16   i imm32 (imm16 with 66)   e imm16 and imm8
 * B ModRM and imm8   I ModRM and imm32   v imm32, or imm64 with REX.W   1 rel8   4 rel32
 * t ModRM, imm8 if reg is 0 or 1   T the same with imm32   r return   w return with imm16: R
 * P prefix   x not known, or not to be moved
 */
/* clang-format off */
static const char one_byte[] =
    "mmmmbixxmmmmbixx"  /* 00 */
    "mmmmbixxmmmmbixx"  /* 10 */
    "mmmmbiPxmmmmbiPx"  /* 20 */
    "mmmmbiPxmmmmbiPx"  /* 30 */
    "PPPPPPPPPPPPPPPP"  /* 40 */
    "................"  /* 50 */
    "xxxmPPPPiIbB...."  /* 60 */
    "1111111111111111"  /* 70 */
    "BIxBmmmmmmmmmmmm"  /* 80 */
    "..........x....."  /* 90 */
    "xxxx....bi......"  /* a0 */
    "bbbbbbbbvvvvvvvv"  /* b0 */
    "BBRrxxBIe.xxrbxx"  /* c0 */
    "mmmmxxx.mmmmmmmm"  /* d0 */
    "xxxxbbbb44x1...."  /* e0 */
    "PxPPr.tT......mm"; /* f0 */
/* clang-format on */

/* clang-format off */
static const char two_bytes[] =
    "mmmmx.....xrxm.x"  /* 00 */
    "mmmmmmmmmmmmmmmm"  /* 10 */
    "mmmmxxxxmmmmmmmm"  /* 20 */
    "......x.xxxxxxxx"  /* 30 */
    "mmmmmmmmmmmmmmmm"  /* 40 */
    "mmmmmmmmmmmmmmmm"  /* 50 */
    "mmmmmmmmmmmmmmmm"  /* 60 */
    "BBBBmmm.mmxxmmmm"  /* 70 */
    "4444444444444444"  /* 80 */
    "mmmmmmmmmmmmmmmm"  /* 90 */
    "...mBmxx...mBmmm"  /* a0 */
    "mmmmmmmmmmBmmmmm"  /* b0 */
    "mmBmBBBm........"  /* c0 */
    "mmmmmmmmmmmmmmmm"  /* d0 */
    "mmmmmmmmmmmmmmmm"  /* e0 */
    "mmmmmmmmmmmmmmmx"; /* f0 */
/* clang-format on */

_Static_assert(sizeof one_byte == 257 && sizeof two_bytes == 257, "one letter for each opcode");

/* struct reader - an instruction that is being read. */
struct reader {
    const uint8_t *code;
    size_t bytes;
    size_t at;
    bool small; /* 66: immediates of 16 bits */
    bool wide;  /* REX.W */
    bool bad;
};

static uint8_t take(struct reader *reader)
{
    if (reader->at >= reader->bytes || reader->at >= INSTRUCTION_BYTES) {
        reader->bad = true;
        return 0;
    }
    return reader->code[reader->at++];
}

static void skip(struct reader *reader, unsigned count)
{
    while (count-- > 0)
        take(reader);
}

/* The opcode's letter; a REX counts only right before it. */
static char read_opcode(struct reader *reader, uint8_t *opcode, struct instruction *out)
{
    char letter = 'P';

    while (letter == 'P' && !reader->bad) {
        *opcode = take(reader);
        letter = one_byte[*opcode];
        reader->small |= *opcode == 0x66;
        if (letter == 'P')
            reader->wide = (*opcode & 0xf8) == 0x48;
    }
    out->opcode = (unsigned)reader->at - 1;
    if (*opcode != 0x0f)
        return letter;
    *opcode = take(reader);
    out->opcode++;
    if (*opcode == 0x38 || *opcode == 0x3a) {
        letter = *opcode == 0x38 ? 'm' : 'B';
        take(reader);
        out->opcode++;
        return letter;
    }
    return two_bytes[*opcode];
}

/* ModRM, SIB and displacement; returns the ModRM's reg. */
static unsigned read_operand(struct reader *reader, struct instruction *out)
{
    uint8_t modrm = take(reader);
    unsigned mode = modrm >> 6, base = modrm & 7;

    if (mode == 3)
        return modrm >> 3 & 7;
    if (base == 4 && (take(reader) & 7) == 5 && mode == 0) {
        skip(reader, 4);
    } else if (base == 5 && mode == 0) {
        out->relative = (unsigned)reader->at;
        out->relative_bytes = 4;
        skip(reader, 4);
    }
    skip(reader, mode == 1 ? 1 : mode == 2 ? 4 : 0);
    return modrm >> 3 & 7;
}

static void read_target(struct reader *reader, unsigned bytes, struct instruction *out)
{
    out->relative = (unsigned)reader->at;
    out->relative_bytes = bytes;
    skip(reader, bytes);
}

static void read_rest(struct reader *reader, char letter, struct instruction *out)
{
    unsigned near = reader->small ? 2 : 4, reg = 8;

    if (strchr("mBItT", letter) != NULL)
        reg = read_operand(reader, out);
    switch (letter) {
    case 'b':
    case 'B':
        skip(reader, 1);
        break;
    case 't':
        skip(reader, reg <= 1 ? 1 : 0);
        break;
    case 'T':
        skip(reader, reg <= 1 ? near : 0);
        break;
    case 'i':
    case 'I':
        skip(reader, near);
        break;
    case 'v':
        skip(reader, reader->wide ? 8 : near);
        break;
    case 'e':
        skip(reader, 3);
        break;
    case 'R':
        skip(reader, 2);
        break;
    case '1':
        read_target(reader, 1, out);
        break;
    case '4':
        read_target(reader, 4, out);
        break;
    default:
        break;
    }
}

static enum instruction_kind kind_of(const struct reader *reader, char letter,
                                     const struct instruction *out)
{
    uint8_t opcode = reader->code[out->opcode];
    unsigned reg = reader->at > out->opcode + 1 ? reader->code[out->opcode + 1] >> 3 & 7 : 0;

    if (letter == 'r' || letter == 'R')
        return INSTRUCTION_END;
    if (letter == '4' && opcode == 0xe8)
        return INSTRUCTION_CALL;
    if ((letter == '4' && opcode == 0xe9) || (letter == '1' && opcode == 0xeb))
        return INSTRUCTION_JUMP;
    if (letter == '1' || letter == '4')
        return INSTRUCTION_BRANCH;
    if (letter == 'm' && opcode == 0xff && reg >= 2 && reg <= 5)
        return reg <= 3 ? INSTRUCTION_CALL : INSTRUCTION_JUMP;
    return INSTRUCTION_PLAIN;
}

bool instruction_read(const uint8_t *code, size_t bytes, struct instruction *out)
{
    struct reader reader = {.code = code, .bytes = bytes};
    uint8_t opcode = 0;
    char letter;

    *out = (struct instruction){0};
    letter = read_opcode(&reader, &opcode, out);
    if (reader.bad || letter == 'x' || letter == 'P')
        return false;
    read_rest(&reader, letter, out);
    if (reader.bad)
        return false;
    out->length = (unsigned)reader.at;
    out->kind = kind_of(&reader, letter, out);
    if (out->relative_bytes == 4)
        memcpy(&out->displacement, code + out->relative, 4);
    else if (out->relative_bytes == 1)
        out->displacement = (int8_t)code[out->relative];
    return true;
}

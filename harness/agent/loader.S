/*
 * loader: the hooks of functions that look at their return address.
 *
 * glibc's dlopen resolves RUNPATH, $ORIGIN and namespaces for the module that its return
 * address lies in. So it must return into the caller's module; and yet we want to come back
 * here. Both are had by a `ret` instruction of the caller's own module: dlopen returns to
 * it, and it returns to us. The frame on the stack while the real function runs:
 *
 *     address of a ret in the caller's module    <- dlopen's return address
 *     NAME_back
 *     32 bytes of loader_frame
 *     the caller's return address
 *
 * loader_before(frame, site, caller, argument) gives that ret, or 0: then the real function
 * is entered by a plain jump, and nothing comes after.
 */
        .macro  CALLER_HOOK name, site, argument
        .text
        .globl  \name
        .type   \name, @function
        .p2align 4
\name:
        .cfi_startproc
        endbr64
        subq    $32, %rsp
        .cfi_adjust_cfa_offset 32
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        pushq   %rsi
        .cfi_adjust_cfa_offset 8
        pushq   %rdx
        .cfi_adjust_cfa_offset 8
        movq    \argument, %rcx
        movq    56(%rsp), %rdx
        movl    $\site, %esi
        leaq    24(%rsp), %rdi
        call    loader_before
        popq    %rdx
        .cfi_adjust_cfa_offset -8
        popq    %rsi
        .cfi_adjust_cfa_offset -8
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        movq    loader_real_\name(%rip), %r11
        testq   %rax, %rax
        jz      1f
        leaq    2f(%rip), %r10
        pushq   %r10
        .cfi_adjust_cfa_offset 8
        pushq   %rax
        .cfi_adjust_cfa_offset 8
        jmp     *%r11
        .cfi_adjust_cfa_offset -16
1:      addq    $32, %rsp
        .cfi_adjust_cfa_offset -32
        jmp     *%r11
        .cfi_adjust_cfa_offset 32
        nop                             /* unwinders look one byte before a return address */
2:      pushq   %rax
        .cfi_adjust_cfa_offset 8
        movq    %rsp, %rdi
        movq    %rax, %rsi
        addq    $8, %rdi
        call    loader_after
        popq    %rax
        .cfi_adjust_cfa_offset -8
        addq    $32, %rsp
        .cfi_adjust_cfa_offset -32
        ret
        .cfi_endproc
        .size   \name, . - \name
        .endm

#define LOADER_SITES
#include "loader_sites.h"

        CALLER_HOOK dlopen, LOADER_SITE_DLOPEN, %rdi
        CALLER_HOOK dlmopen, LOADER_SITE_DLMOPEN, %rsi
        CALLER_HOOK dl_iterate_phdr, LOADER_SITE_DL_ITERATE_PHDR, %rdi

        .section .note.GNU-stack, "", @progbits

/*
 * demangle.h: names of C++ functions and variables as their source writes them.
 *
 * The C++ runtime's own __cxa_demangle, looked for when the first such name comes: a Debian has it
 * (apt needs it), and where it is missing the names stay as the symbol table has them.
 */
#ifndef SUPERVISOR_DEMANGLE_H
#define SUPERVISOR_DEMANGLE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * demangle() - "_ZN2v86Locker10InitializeEPNS_7IsolateE" as "v8::Locker::Initialize".
 *
 * @name: of @length bytes, without a version ("@GLIBCXX_3.4") behind it. Parameters and what a
 * compiler says of a copy ("[clone .cold]") are left away. Writes at most
 * @bytes bytes, with the final 0; a longer name is cut. Returns false, with @out as it was, for a
 * name of another language, one that is damaged, or without the runtime. Thread-safe.
 */
bool demangle(const char *name, size_t length, char *out, size_t bytes);

#endif

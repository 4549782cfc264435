/*
 * unwind: what the compiler calls for the cleanups of cancelled hooks. Linking libgcc_s for it
 * would map a library into every target, which every fork copies and every exit goes through,
 * for the sake of programs that cancel threads; those have it loaded by glibc by then. So it is
 * looked up at that moment, as glibc's own cleanups do.
 */
#include "agent.h"

/* As the Itanium C++ ABI has them; <unwind.h> would export them to the program. */
typedef int personality(int version, int actions, uint64_t kind, void *exception, void *context);
typedef void resume(void *exception);

personality __gcc_personality_v0;
resume _Unwind_Resume;

static void *find(const char *name)
{
    void *library = real.dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL);
    void *found = library != NULL ? dlsym(library, name) : NULL;

    if (found == NULL)
        __builtin_trap(); /* somebody unwinds, and there is no unwinder */
    return found;
}

int __gcc_personality_v0(int version, int actions, uint64_t kind, void *exception, void *context)
{
    static personality *theirs;

    if (theirs == NULL)
        theirs = (personality *)find("__gcc_personality_v0");
    return theirs(version, actions, kind, exception, context);
}

void _Unwind_Resume(void *exception)
{
    static resume *theirs;

    if (theirs == NULL)
        theirs = (resume *)find("_Unwind_Resume");
    theirs(exception);
    __builtin_unreachable();
}

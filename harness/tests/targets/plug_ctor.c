/* plug_ctor: loads another module in its constructor, and closes it in its destructor. */
#include <dlfcn.h>
#include <stddef.h>

int ctor_answer(void);

static void *inner;

__attribute__((constructor)) static void load_inner(void)
{
    inner = dlopen("deep_inner.so", RTLD_NOW);
}

__attribute__((destructor)) static void close_inner(void)
{
    if (inner != NULL)
        dlclose(inner);
}

int ctor_answer(void)
{
    int (*answer)(void) = NULL;

    if (inner != NULL)
        *(void **)&answer = dlsym(inner, "inner_answer");
    return answer != NULL ? answer() : -1;
}

/* libgomp: runs a parallel region of two threads, as a compiled `#pragma omp parallel` does. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

static void body(void *count)
{
    __atomic_fetch_add((int *)count, 1, __ATOMIC_RELAXED);
}

void use(void *module)
{
    void (*run)(void (*)(void *), void *, unsigned, unsigned) = dlsym(module, "GOMP_parallel");
    int count = 0;

    run(body, &count, 2, 0);
    if (count != 2)
        abort();
}

/*
 * loop: load, use, unload, so many times, and nothing else; for a look without rundown.
 *
 *     gcc -g -o loop loop.c libtcl.c && valgrind --leak-check=full ./loop libtcl8.6.so.0 8
 *     ./loop libtcl8.6.so.0 8 keep     (the library stays loaded: what is kept there is found
 * again)
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

void use(void *module);

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: loop LIBRARY LAPS [keep]\n", stderr);
        return 2;
    }
    for (long lap = strtol(argv[2], NULL, 10); lap > 0; lap--) {
        void *module = dlopen(argv[1], RTLD_NOW);

        if (module == NULL) {
            fprintf(stderr, "loop: %s\n", dlerror());
            return 1;
        }
        use(module);
        if (argc == 3)
            dlclose(module);
    }
    return 0;
}

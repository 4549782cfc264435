/* libmagic: loads its database, names what a buffer holds, and closes. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    void *(*open)(int) = dlsym(module, "magic_open");
    int (*load)(void *, const char *) = dlsym(module, "magic_load");
    const char *(*tell)(void *, const void *, size_t) = dlsym(module, "magic_buffer");
    void (*close)(void *) = dlsym(module, "magic_close");
    void *magic = open(0);

    if (magic == NULL || load(magic, NULL) != 0 ||
        tell(magic,
             "\x7f"
             "ELF",
             4) == NULL)
        abort();
    close(magic);
}

/* An extension of SQLite: loaded into a database in memory by the library itself. */
#define _GNU_SOURCE 1 /* dlinfo */
#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>

void use(void *module);

/* The library stays loaded: it is the extension that comes and goes. */
static void *library(void)
{
    static void *handle;

    if (__atomic_load_n(&handle, __ATOMIC_ACQUIRE) == NULL)
        __atomic_store_n(&handle, dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_GLOBAL),
                         __ATOMIC_RELEASE);
    return handle;
}

void use(void *module)
{
    int (*open)(const char *, void **) = dlsym(library(), "sqlite3_open");
    int (*allow)(void *, int) = dlsym(library(), "sqlite3_enable_load_extension");
    int (*load)(void *, const char *, const char *, char **) =
        dlsym(library(), "sqlite3_load_extension");
    int (*close)(void *) = dlsym(library(), "sqlite3_close");
    struct link_map *map;
    void *database;

    if (dlinfo(module, RTLD_DI_LINKMAP, &map) != 0 || open(":memory:", &database) != 0 ||
        allow(database, 1) != 0 || load(database, map->l_name, NULL, NULL) != 0 ||
        close(database) != 0)
        abort();
}

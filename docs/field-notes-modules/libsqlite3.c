/* libsqlite3: makes a table in memory, fills it, closes. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    int (*open)(const char *, void **) = dlsym(module, "sqlite3_open");
    int (*run)(void *, const char *, void *, void *, char **) = dlsym(module, "sqlite3_exec");
    int (*close)(void *) = dlsym(module, "sqlite3_close");
    void *database;

    if (open(":memory:", &database) != 0 ||
        run(database, "create table t(x); insert into t values(1),(2)", NULL, NULL, NULL) != 0 ||
        close(database) != 0)
        abort();
}

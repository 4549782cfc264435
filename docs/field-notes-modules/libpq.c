/* libpq: tries a server that is not there, asks why it failed, and gives up. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    void *(*connect)(const char *) = dlsym(module, "PQconnectdb");
    const char *(*why)(void *) = dlsym(module, "PQerrorMessage");
    void (*drop)(void *) = dlsym(module, "PQfinish");
    void *connection = connect("host=/nonexistent dbname=a user=b");

    if (connection == NULL || why(connection) == NULL)
        abort();
    drop(connection);
}

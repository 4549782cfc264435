/* libgnutls: makes a client's session and ends it; its constructor has initialised it. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    int (*make)(void **, unsigned) = dlsym(module, "gnutls_init");
    void (*drop)(void *) = dlsym(module, "gnutls_deinit");
    void *session;

    if (make(&session, 2) != 0) /* GNUTLS_CLIENT */
        abort();
    drop(session);
}

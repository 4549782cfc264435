/* libssl: makes a context and a connection, and frees both. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    const void *(*method)(void) = dlsym(module, "TLS_method");
    void *(*make)(const void *) = dlsym(module, "SSL_CTX_new");
    void *(*connect)(void *) = dlsym(module, "SSL_new");
    void *context = make(method());
    void *connection = context != NULL ? connect(context) : NULL;

    if (connection == NULL)
        abort();
    ((void (*)(void *))dlsym(module, "SSL_free"))(connection);
    ((void (*)(void *))dlsym(module, "SSL_CTX_free"))(context);
}

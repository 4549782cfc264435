/* libsasl2: makes a client with the mechanisms that it finds, and takes it away again. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    int (*init)(const void *) = dlsym(module, "sasl_client_init");
    int (*make)(const char *, const char *, const char *, const char *, const void *, unsigned,
                void **) = dlsym(module, "sasl_client_new");
    void (*drop)(void **) = dlsym(module, "sasl_dispose");
    int (*end)(void) = dlsym(module, "sasl_client_done");
    void *client;

    if (init(NULL) != 0 || make("imap", "localhost", NULL, NULL, NULL, 0, &client) != 0)
        abort();
    drop(&client);
    end();
}

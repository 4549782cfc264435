/* libkrb5: makes a context, reads a principal's name, and frees both. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    int (*init)(void **) = dlsym(module, "krb5_init_context");
    int (*parse)(void *, const char *, void **) = dlsym(module, "krb5_parse_name");
    void (*drop)(void *, void *) = dlsym(module, "krb5_free_principal");
    void (*end)(void *) = dlsym(module, "krb5_free_context");
    void *context, *principal;

    if (init(&context) != 0 || parse(context, "me@EXAMPLE.ORG", &principal) != 0)
        abort();
    drop(context, principal);
    end(context);
}

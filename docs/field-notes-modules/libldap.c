/* libldap: makes a handle for a server that nobody talks to, and frees it. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    int (*make)(void **, const char *) = dlsym(module, "ldap_initialize");
    int (*drop)(void *, void *, void *) = dlsym(module, "ldap_unbind_ext_s");
    void *ldap;

    if (make(&ldap, "ldap://localhost") != 0)
        abort();
    drop(ldap, NULL, NULL);
}

/*
 * Looks a user up through an NSS module, libnss_sss.so.2, as getpwnam() does where
 * /etc/nsswitch.conf says "passwd: files sss". No SSSD need be running. For README's first page.
 */
#include <dlfcn.h>
#include <pwd.h>
#include <stddef.h>

void use(void *module);

void use(void *module)
{
    int (*getpwnam_r)(const char *, struct passwd *, char *, size_t, int *) =
        dlsym(module, "_nss_sss_getpwnam_r");
    struct passwd entry;
    char buffer[4096];
    int error;

    getpwnam_r("nobody", &entry, buffer, sizeof buffer, &error);
}

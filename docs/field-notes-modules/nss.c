/* An NSS module: looks for the user root, where it knows users. */
#define _GNU_SOURCE 1 /* dlinfo */
#include <dlfcn.h>
#include <link.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void use(void *module);

/* libnss_sss.so.2 has _nss_sss_getpwnam_r. */
static void *find(void *module, const char *function)
{
    struct link_map *map;
    const char *base;
    char name[128];

    if (dlinfo(module, RTLD_DI_LINKMAP, &map) != 0 ||
        (base = strstr(map->l_name, "libnss_")) == NULL)
        abort();
    base += strlen("libnss_");
    snprintf(name, sizeof name, "_nss_%.*s_%s", (int)strcspn(base, "."), base, function);
    return dlsym(module, name);
}

void use(void *module)
{
    int (*user)(const char *, struct passwd *, char *, size_t, int *) = find(module, "getpwnam_r");
    struct passwd entry;
    char buffer[4096];
    int error;

    if (user != NULL)
        user("root", &entry, buffer, sizeof buffer, &error);
}

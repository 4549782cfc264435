/*
 * A PAM module: asked by libpam whether root's account is good, as any program asks.
 *
 * Never by its own function: libpam refuses the data of a module that it did not call itself, and
 * libpam's pam_modutil_getpwnam then tries two thousand million names in turn.
 */
#define _GNU_SOURCE 1 /* dlinfo, memfd_create */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

void use(void *module);

struct conversation {
    int (*ask)(int, const void **, void **, void *);
    void *data;
};

static int no_answer(int count, const void **message, void **answer, void *data)
{
    (void)count, (void)message, (void)answer, (void)data;
    return 19; /* PAM_CONV_ERR */
}

/* libpam stays loaded: it is the module that comes and goes. */
static void *library(void)
{
    static void *handle;

    if (__atomic_load_n(&handle, __ATOMIC_ACQUIRE) == NULL)
        __atomic_store_n(&handle, dlopen("libpam.so.0", RTLD_NOW | RTLD_GLOBAL), __ATOMIC_RELEASE);
    return handle;
}

/* The service is named after the descriptor that its one line can be read from. */
static const char *service(void *module)
{
    static char name[16];
    struct link_map *map;
    int fd;

    if (name[0] != '\0')
        return name;
    fd = memfd_create("service", 0);
    if (fd < 0 || dlinfo(module, RTLD_DI_LINKMAP, &map) != 0 ||
        dprintf(fd, "account required %s\n", map->l_name) < 0)
        abort();
    snprintf(name, sizeof name, "%d", fd);
    return name;
}

void use(void *module)
{
    int (*start)(const char *, const char *, const struct conversation *, const char *, void **) =
        dlsym(library(), "pam_start_confdir");
    int (*account)(void *, int) = dlsym(library(), "pam_acct_mgmt");
    int (*end)(void *, int) = dlsym(library(), "pam_end");
    struct conversation conversation = {no_answer, NULL};
    void *handle;

    if (start(service(module), "root", &conversation, "/proc/self/fd", &handle) != 0)
        abort();
    account(handle, 0x8000); /* PAM_SILENT */
    end(handle, 0);
}

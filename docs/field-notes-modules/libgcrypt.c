/* libgcrypt: starts without secure memory, and hashes a word. It has no call that ends it. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    const char *(*check)(const char *) = dlsym(module, "gcry_check_version");
    int (*control)(int, ...) = dlsym(module, "gcry_control");
    void (*hash)(int, void *, const void *, size_t) = dlsym(module, "gcry_md_hash_buffer");
    unsigned char digest[32];

    if (check(NULL) == NULL)
        abort();
    control(37, 0);             /* GCRYCTL_DISABLE_SECMEM */
    control(38, 0);             /* GCRYCTL_INITIALIZATION_FINISHED */
    hash(8, digest, "word", 4); /* GCRY_MD_SHA256 */
}

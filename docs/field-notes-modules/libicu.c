/* libicuuc: converts a word from Latin 1, and cleans up as its manual asks. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    void *(*open)(const char *, int *) = dlsym(module, "ucnv_open_72");
    int32_t (*convert)(void *, uint16_t *, int32_t, const char *, int32_t, int *) =
        dlsym(module, "ucnv_toUChars_72");
    void (*close)(void *) = dlsym(module, "ucnv_close_72");
    void (*end)(void) = dlsym(module, "u_cleanup_72");
    uint16_t text[16];
    int error = 0;
    void *converter = open("ISO-8859-15", &error);

    if (converter == NULL || convert(converter, text, 16, "gr\xfc\xdf", 4, &error) != 4)
        abort();
    close(converter);
    end();
}

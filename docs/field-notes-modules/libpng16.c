/* libpng16: makes a reader and an info, and destroys both. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    void *(*make)(const char *, void *, void *, void *) = dlsym(module, "png_create_read_struct");
    void *(*info)(void *) = dlsym(module, "png_create_info_struct");
    void (*destroy)(void **, void **, void **) = dlsym(module, "png_destroy_read_struct");
    void *reader = make("1.6.39", NULL, NULL, NULL);
    void *about = reader != NULL ? info(reader) : NULL;

    if (about == NULL)
        abort();
    destroy(&reader, &about, NULL);
}

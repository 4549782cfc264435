/* libgdk_pixbuf: makes a picture, scales it, and drops both; its types live in libgobject. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    void *(*make)(int, int, int, int, int) = dlsym(module, "gdk_pixbuf_new");
    void *(*scale)(void *, int, int, int) = dlsym(module, "gdk_pixbuf_scale_simple");
    void (*fill)(void *, unsigned) = dlsym(module, "gdk_pixbuf_fill");
    void (*drop)(void *) = dlsym(module, "g_object_unref");
    void *picture = make(0, 1, 8, 32, 32), *small;

    if (picture == NULL)
        abort();
    fill(picture, 0x336699ff);
    small = scale(picture, 16, 16, 2);
    if (small == NULL)
        abort();
    drop(small);
    drop(picture);
}

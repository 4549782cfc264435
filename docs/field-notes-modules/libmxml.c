/* libmxml: makes a document and deletes it. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    void *(*make)(const char *) = dlsym(module, "mxmlNewXML");
    void (*drop)(void *) = dlsym(module, "mxmlDelete");
    void *document = make("1.0");

    if (document == NULL)
        abort();
    drop(document);
}

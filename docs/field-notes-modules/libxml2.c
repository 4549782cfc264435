/* libxml2: reads a document from memory, frees it, and cleans up as its manual asks. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    void *(*read)(const char *, int, const char *, const char *, int) =
        dlsym(module, "xmlReadMemory");
    void (*drop)(void *) = dlsym(module, "xmlFreeDoc");
    void (*end)(void) = dlsym(module, "xmlCleanupParser");
    void *document = read("<a><b/></a>", 11, "a.xml", NULL, 0);

    if (document == NULL)
        abort();
    drop(document);
    end();
}

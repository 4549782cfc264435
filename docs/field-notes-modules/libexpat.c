/* libexpat: parses a document. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    void *(*make)(const char *) = dlsym(module, "XML_ParserCreate");
    int (*parse)(void *, const char *, int, int) = dlsym(module, "XML_Parse");
    void (*drop)(void *) = dlsym(module, "XML_ParserFree");
    void *parser = make(NULL);

    if (parser == NULL || parse(parser, "<a><b/></a>", 11, 1) != 1)
        abort();
    drop(parser);
}

/* libxslt: applies a style sheet to a document, and cleans up as the manuals ask. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

void use(void *module);

static const char sheet[] =
    "<xsl:stylesheet version='1.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'>"
    "<xsl:template match='/'><b><xsl:value-of select='a'/></b></xsl:template></xsl:stylesheet>";

void use(void *module)
{
    void *(*read)(const char *, int, const char *, const char *, int) =
        dlsym(module, "xmlReadMemory");
    void *(*parse)(void *) = dlsym(module, "xsltParseStylesheetDoc");
    void *(*apply)(void *, void *, const char **) = dlsym(module, "xsltApplyStylesheet");
    void (*drop)(void *) = dlsym(module, "xmlFreeDoc");
    void (*drop_sheet)(void *) = dlsym(module, "xsltFreeStylesheet");
    void (*end)(void) = dlsym(module, "xsltCleanupGlobals");
    void (*end_xml)(void) = dlsym(module, "xmlCleanupParser");
    void *style = parse(read(sheet, (int)strlen(sheet), "s.xsl", NULL, 0));
    void *document = read("<a>1</a>", 8, "a.xml", NULL, 0);
    void *result;

    if (style == NULL || document == NULL || (result = apply(style, document, NULL)) == NULL)
        abort();
    drop(result);
    drop(document);
    drop_sheet(style); /* and the document that it was made from */
    end();
    end_xml();
}

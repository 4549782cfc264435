/* libfontconfig: finds a font for a name, and finishes as its manual asks. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    int (*init)(void) = dlsym(module, "FcInit");
    void *(*parse)(const char *) = dlsym(module, "FcNameParse");
    int (*substitute)(void *, void *, int) = dlsym(module, "FcConfigSubstitute");
    void (*defaults)(void *) = dlsym(module, "FcDefaultSubstitute");
    void *(*match)(void *, void *, int *) = dlsym(module, "FcFontMatch");
    void (*drop)(void *) = dlsym(module, "FcPatternDestroy");
    void (*end)(void) = dlsym(module, "FcFini");
    void *pattern, *font;
    int result;

    if (!init() || (pattern = parse("monospace")) == NULL)
        abort();
    substitute(NULL, pattern, 0);
    defaults(pattern);
    font = match(NULL, pattern, &result);
    if (font != NULL)
        drop(font);
    drop(pattern);
    end();
}

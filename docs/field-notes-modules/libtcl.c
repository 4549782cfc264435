/* libtcl8.6: makes an interpreter, evaluates a line, deletes it, cleans up as its manual asks. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    void (*find)(const char *) = dlsym(module, "Tcl_FindExecutable");
    void *(*make)(void) = dlsym(module, "Tcl_CreateInterp");
    int (*evaluate)(void *, const char *) = dlsym(module, "Tcl_Eval");
    void (*drop)(void *) = dlsym(module, "Tcl_DeleteInterp");
    void (*end)(void) = dlsym(module, "Tcl_Finalize");
    void *interpreter;

    find(NULL);
    interpreter = make();
    if (interpreter == NULL || evaluate(interpreter, "expr {6 * 7}") != 0)
        abort();
    drop(interpreter);
    end();
}

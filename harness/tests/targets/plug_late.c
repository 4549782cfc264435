/* plug_late: left loaded, it loads another module when the process ends. */
#include <dlfcn.h>
#include <stddef.h>
#include <unistd.h>

__attribute__((destructor)) static void load_late(void)
{
    if (dlopen("deep_words.so", RTLD_NOW) == NULL)
        _exit(3);
}

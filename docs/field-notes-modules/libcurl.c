/* libcurl: initialises, fetches file:///dev/null, cleans up as its manual asks. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    int (*begin)(long) = dlsym(module, "curl_global_init");
    void *(*make)(void) = dlsym(module, "curl_easy_init");
    int (*set)(void *, int, ...) = dlsym(module, "curl_easy_setopt");
    int (*fetch)(void *) = dlsym(module, "curl_easy_perform");
    void (*drop)(void *) = dlsym(module, "curl_easy_cleanup");
    void (*end)(void) = dlsym(module, "curl_global_cleanup");
    void *transfer;

    if (begin(3) != 0 || (transfer = make()) == NULL)
        abort();
    set(transfer, 10002, "file:///dev/null"); /* CURLOPT_URL */
    if (fetch(transfer) != 0)
        abort();
    drop(transfer);
    end();
}

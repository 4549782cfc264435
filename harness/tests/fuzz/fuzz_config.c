/*
 * fuzz_config: any text as a night's configuration: libfyaml, and what its tree is held against.
 * What is refused is refused in one line. `ci/fuzz config` builds it with clang's libFuzzer;
 * test_config_corpus runs the corpus through it in every test run.
 *
 * Files that name modules or shared objects are left out: those are compiled, loaded and tried.
 */
#include <harness/supervisor/nightly/config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool names_modules(const uint8_t *data, size_t size)
{
    return memmem(data, size, "module", 6) != NULL || memmem(data, size, ".so", 3) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct night night;
    struct error e = {0};
    char path[64];
    int fd;

    if (names_modules(data, size))
        return 0;
    fd = memfd_create("config", MFD_CLOEXEC);
    if (fd < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    memset(&night, 0, sizeof night);
    night.libdir = "/nowhere";
    if (config_read(path, false, &night, &e) != 0 &&
        (e.text[0] == 0 || strnlen(e.text, sizeof e.text) == sizeof e.text))
        abort();
    night_free(&night);
    close(fd);
    return 0;
}

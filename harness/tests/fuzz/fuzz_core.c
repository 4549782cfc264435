/*
 * fuzz_core: any bytes as a core file, through the whole post-mortem: headers, notes, maps,
 * modules, stacks, lock words, chains, and both reports. `ci/fuzz core` builds it with clang's
 * libFuzzer; test_fuzz_corpus runs the corpus through it in every test run.
 */
#include "report_nowhere.h"

#include <harness/supervisor/postmortem/postmortem.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct postmortem all;
    int fd = memfd_create("core", MFD_CLOEXEC);
    char path[64];
    struct error e = {0};

    if (fd < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (postmortem_core(&all, path, &e) == 0)
        report_nowhere(&all);
    postmortem_close(&all);
    close(fd);
    return 0;
}

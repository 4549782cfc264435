/*
 * corpus_run.h: every file of a fuzzer's corpus, and each of them cut short and with bytes
 * changed, through the fuzzer's own function, without the fuzzer. The test includes the fuzzer's
 * file before. What the fuzzer finds is put into the corpus. For tests only, all static inline.
 */
#ifndef TESTS_CORPUS_RUN_H
#define TESTS_CORPUS_RUN_H

#include <CUnit/Basic.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CORPUS_BYTES_MOST = 1 << 20 };

/** corpus_read() - a file of the folder, in a block of exactly its size; the caller frees it. */
static inline uint8_t *corpus_read(const char *folder, const char *name, size_t *size)
{
    uint8_t *bytes = malloc(CORPUS_BYTES_MOST), *fitting;
    char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    *size = fread(bytes, 1, CORPUS_BYTES_MOST, file);
    fclose(file);
    fitting = realloc(bytes, *size + 1);
    return fitting != NULL ? fitting : bytes;
}

/** corpus_run_first() - the first @length bytes alone, in a block of their size. */
static inline void corpus_run_first(int (*one)(const uint8_t *, size_t), const uint8_t *bytes,
                                    size_t length)
{
    uint8_t *copy = malloc(length + 1);

    CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
    memcpy(copy, bytes, length);
    one(copy, length);
    free(copy);
}

static inline void corpus_run_cut(int (*one)(const uint8_t *, size_t), const uint8_t *bytes,
                                  size_t size, unsigned cuts)
{
    for (size_t length = 0; length < size; length += size / cuts + 1)
        corpus_run_first(one, bytes, length);
}

static inline void corpus_run_changed(int (*one)(const uint8_t *, size_t), uint8_t *bytes,
                                      size_t size, unsigned changes)
{
    uint64_t random = 0x5eed;

    for (unsigned i = 0; i < changes && size > 0; i++) {
        uint8_t *at;
        uint8_t before;

        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        at = &bytes[(random >> 24) % size];
        before = *at;
        *at = (uint8_t)(random >> 56);
        one(bytes, size);
        *at = before;
    }
}

/** corpus_each() - hands a block with each file's bytes to @one; returns how many there are. */
static inline unsigned corpus_each(const char *folder,
                                   void (*one)(uint8_t *bytes, size_t size, void *context),
                                   void *context)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;
    unsigned files = 0;
    size_t size;

    CU_ASSERT_PTR_NOT_NULL_FATAL(directory);
    while ((entry = readdir(directory)) != NULL) {
        uint8_t *bytes;

        if (entry->d_name[0] == '.')
            continue;
        bytes = corpus_read(folder, entry->d_name, &size);
        one(bytes, size, context);
        free(bytes);
        files++;
    }
    closedir(directory);
    return files;
}

/** struct corpus_steps - what corpus_run() does with each file. */
struct corpus_steps {
    int (*one)(const uint8_t *bytes, size_t size);
    unsigned cuts;
    unsigned changes;
};

static inline void corpus_run_file(uint8_t *bytes, size_t size, void *context)
{
    const struct corpus_steps *steps = context;

    steps->one(bytes, size);
    corpus_run_cut(steps->one, bytes, size, steps->cuts);
    corpus_run_changed(steps->one, bytes, size, steps->changes);
}

/**
 * corpus_run() - all of it; returns how many files the folder has.
 * @one: the fuzzer's function. @cuts, @changes: of each file.
 */
static inline unsigned corpus_run(const char *folder, int (*one)(const uint8_t *, size_t),
                                  unsigned cuts, unsigned changes)
{
    struct corpus_steps steps = {one, cuts, changes};

    return corpus_each(folder, corpus_run_file, &steps);
}

#endif

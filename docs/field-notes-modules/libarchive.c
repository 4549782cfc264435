/* libarchive: writes an archive with one file into memory, compressed, and reads it back. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

static char memory[65536];

static size_t write_one(void *module)
{
    void *(*make)(void) = dlsym(module, "archive_write_new");
    int (*filter)(void *) = dlsym(module, "archive_write_add_filter_gzip");
    int (*format)(void *) = dlsym(module, "archive_write_set_format_pax_restricted");
    int (*open)(void *, void *, size_t, size_t *) = dlsym(module, "archive_write_open_memory");
    void *(*make_entry)(void) = dlsym(module, "archive_entry_new");
    void (*name)(void *, const char *) = dlsym(module, "archive_entry_set_pathname");
    void (*type)(void *, unsigned) = dlsym(module, "archive_entry_set_filetype");
    void (*size)(void *, long) = dlsym(module, "archive_entry_set_size");
    int (*header)(void *, void *) = dlsym(module, "archive_write_header");
    long (*data)(void *, const void *, size_t) = dlsym(module, "archive_write_data");
    void (*drop_entry)(void *) = dlsym(module, "archive_entry_free");
    int (*drop)(void *) = dlsym(module, "archive_write_free");
    void *archive = make(), *entry = make_entry();
    size_t used = 0;

    name(entry, "a");
    type(entry, 0100000);
    size(entry, 5);
    if (filter(archive) != 0 || format(archive) != 0 ||
        open(archive, memory, sizeof memory, &used) != 0 || header(archive, entry) != 0 ||
        data(archive, "hello", 5) != 5)
        abort();
    drop_entry(entry);
    drop(archive);
    return used;
}

void use(void *module)
{
    void *(*make)(void) = dlsym(module, "archive_read_new");
    int (*filters)(void *) = dlsym(module, "archive_read_support_filter_all");
    int (*formats)(void *) = dlsym(module, "archive_read_support_format_all");
    int (*open)(void *, const void *, size_t) = dlsym(module, "archive_read_open_memory");
    int (*next)(void *, void **) = dlsym(module, "archive_read_next_header");
    int (*drop)(void *) = dlsym(module, "archive_read_free");
    size_t size = write_one(module);
    void *archive = make(), *entry;

    filters(archive);
    formats(archive);
    if (open(archive, memory, size) != 0 || next(archive, &entry) != 0)
        abort();
    drop(archive);
}

/*
 * test_image: finding the ELF images of a process and the files that belong to them.
 *
 * The process looked at is the test itself: its own maps are at hand to compare with, and
 * forged files can be mapped into it at will.
 */
#include <harness/supervisor/process/image.h>

#include <harness/tests/unwind_tests.h>

#include <CUnit/Basic.h>
#include <dlfcn.h>
#include <elf.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/stat.h>

enum {
    FORGERIES = 2000,
    FORGED_BYTES = 16384,
};

static struct space space;
static struct image_list images;

static void scan(void)
{
    struct error e = {0};

    CU_ASSERT_EQUAL_FATAL(space_open(&space, getpid(), getpid(), &e), 0);
    CU_ASSERT_EQUAL_FATAL(image_scan(&space, &images, &e), 0);
}

static void done(void)
{
    image_clear(&images);
    space_close(&space);
}

/* What the loader knows of a module, beside what we found. */
static int compare_module(struct dl_phdr_info *info, size_t size, void *seen)
{
    uint64_t low = UINT64_MAX;
    struct image *image;

    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_vaddr < low)
            low = info->dlpi_phdr[i].p_vaddr;
    }
    image = image_find(&images, info->dlpi_addr + low);
    CU_ASSERT_PTR_NOT_NULL_FATAL(image);
    CU_ASSERT_EQUAL(image->bias, info->dlpi_addr);
    CU_ASSERT_EQUAL(image->start, (info->dlpi_addr + low) & -(uint64_t)SPACE_PAGE);
    (*(size_t *)seen)++;
    return 0;
}

static void test_same_as_the_loader(void)
{
    size_t seen = 0;

    scan();
    dl_iterate_phdr(compare_module, &seen);
    CU_ASSERT_EQUAL(seen, images.count);
    for (size_t i = 1; i < images.count; i++)
        CU_ASSERT_TRUE(images.image[i - 1]->end <= images.image[i]->start);
    CU_ASSERT_PTR_NULL(image_find(&images, 0));
    CU_ASSERT_PTR_NULL(image_find(&images, ~(uint64_t)0));
    done();
}

static struct image *libc_image(void)
{
    return image_find(&images, (uintptr_t)dlsym(RTLD_DEFAULT, "gnu_get_libc_version"));
}

/* The build id that libelf reads from a file. */
static void build_id_of(Elf *elf, char *hex)
{
    const void *bits;
    ssize_t n = dwelf_elf_gnu_build_id(elf, &bits);

    hex[0] = '\0';
    for (ssize_t i = 0; i < n && i < 20; i++)
        sprintf(hex + 2 * i, "%02x", ((const uint8_t *)bits)[i]);
}

static void test_who_it_is(void)
{
    struct image *libc;
    char hex[64];
    Elf *elf;
    int fd;

    scan();
    libc = libc_image();
    CU_ASSERT_PTR_NOT_NULL_FATAL(libc);
    CU_ASSERT_STRING_EQUAL(libc->name, "libc.so.6");
    CU_ASSERT_FALSE(libc->deleted || libc->unloaded || libc->vdso);
    fd = image_open(libc, &elf);
    CU_ASSERT_TRUE_FATAL(fd >= 0 && elf != NULL);
    build_id_of(elf, hex);
    CU_ASSERT_STRING_EQUAL(libc->build_id, hex);
    CU_ASSERT_EQUAL(strlen(hex), 40);
    elf_end(elf);
    close(fd);
    done();
}

static void test_vdso(void)
{
    struct image *vdso;
    GElf_Ehdr head;
    Elf *elf;

    scan();
    vdso = image_find(&images, getauxval(AT_SYSINFO_EHDR));
    if (getauxval(AT_SYSINFO_EHDR) == 0) {
        puts("  (no vdso here: skipped)");
        done();
        return;
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(vdso);
    CU_ASSERT_TRUE(vdso->vdso);
    CU_ASSERT_STRING_EQUAL(vdso->name, "linux-vdso.so.1");
    CU_ASSERT_EQUAL(image_open(vdso, &elf), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(elf);
    CU_ASSERT_PTR_NOT_NULL(gelf_getehdr(elf, &head));
    CU_ASSERT_FALSE(vdso->deleted);
    elf_end(elf);
    done();
}

static void test_copy_from_memory(void)
{
    struct image *libc;
    GElf_Ehdr head;
    char hex[64];
    Elf *elf;
    uint64_t at;

    scan();
    libc = libc_image();
    libc->inode = 0; /* so that no link to the file is tried */
    strcpy(libc->path, "/no/x");
    CU_ASSERT_EQUAL(image_open(libc, &elf), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(elf);
    CU_ASSERT_TRUE(libc->deleted);
    CU_ASSERT_PTR_NOT_NULL_FATAL(gelf_getehdr(elf, &head));
    CU_ASSERT_EQUAL(head.e_shoff, 0);
    build_id_of(elf, hex);
    CU_ASSERT_STRING_EQUAL(libc->build_id, hex);
    at = (uintptr_t)dlsym(RTLD_DEFAULT, "gnu_get_libc_version") -
         libc->bias; /* its text lies as in the file */
    CU_ASSERT_EQUAL(memcmp(libc->bytes + at, dlsym(RTLD_DEFAULT, "gnu_get_libc_version"), 64), 0);
    elf_end(elf);
    done();
}

static void test_other_file_is_refused(void)
{
    struct image *libc;
    Elf *elf;

    scan();
    libc = libc_image();
    libc->inode = 0;
    free(libc->path);
    libc->path = strdup("/proc/self/exe");
    CU_ASSERT_EQUAL(image_open(libc, &elf), -1); /* another build id: memory it is */
    CU_ASSERT_PTR_NOT_NULL(elf);
    elf_end(elf);
    libc->build_id[0] = '\0';
    CU_ASSERT_EQUAL(image_open(libc, &elf), -1); /* no build id: other program headers */
    CU_ASSERT_PTR_NOT_NULL(elf);
    elf_end(elf);
    done();
}

static void test_same(void)
{
    struct image one = {.start = 1, .end = 2, .bias = 1, .inode = 3, .path = "/a"}, other = one;

    CU_ASSERT_TRUE(image_same(&one, &other));
    other.head = 1;
    CU_ASSERT_FALSE(image_same(&one, &other));
    other = one;
    other.build_id[0] = 'a';
    CU_ASSERT_FALSE(image_same(&one, &other));
    other = one;
    other.start = 0;
    CU_ASSERT_FALSE(image_same(&one, &other));
    other = one;
    other.path = "/b";
    CU_ASSERT_FALSE(image_same(&one, &other));
    other = one;
    other.unloaded = true;
    CU_ASSERT_FALSE(image_same(&one, &other));
}

static void test_from_file(void)
{
    struct image *image = NULL;
    struct error e = {0};
    Elf *elf;
    int fd;

    CU_ASSERT_EQUAL_FATAL(image_from_file("/proc/self/exe", 0x7000000, 0x7004000, &image, &e), 0);
    CU_ASSERT_EQUAL(image->start, 0x7000000);
    CU_ASSERT_EQUAL(image->end, 0x7004000);
    CU_ASSERT_TRUE(image->unloaded);
    fd = image_open(image, &elf);
    CU_ASSERT_TRUE(fd >= 0 && elf != NULL);
    elf_end(elf);
    close(fd);
    image_free(image);
    image_free(NULL);
    CU_ASSERT_EQUAL(image_from_file("/no/such", 0, 0, &image, &e), ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(image_from_file("/proc/self/status", 0, 0, &image, &e), ERROR_CORRUPT);
    CU_ASSERT_EQUAL(image_from_file("/tmp", 0, 0, &image, &e), ERROR_CORRUPT);
}

/* ---- separate debug files ---- */

static void test_debug_link(void)
{
    char folder[] = "/tmp/test_image.XXXXXX", path[128], *name = NULL;
    struct image *image = NULL;
    struct error e = {0};
    char command[600];
    int fd;

    CU_ASSERT_EQUAL_FATAL(image_from_file("/proc/self/exe", 0, 0, &image, &e), 0);
    if (image->build_id[0] == '\0') {
        puts("  (built without build id: skipped)");
        image_free(image);
        return;
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    free(image->path);
    CU_ASSERT_TRUE_FATAL(asprintf(&image->path, "%s/program", folder) > 0);
    CU_ASSERT_EQUAL(image_open_debug(image, "program.debug", &name), -1);
    CU_ASSERT_PTR_NULL(name);
    snprintf(path, sizeof path, "%s/.debug", folder);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
    snprintf(command, sizeof command, "cp /proc/%d/exe %s/.debug/program.debug", getpid(), folder);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
    fd = image_open_debug(image, "program.debug", &name);
    CU_ASSERT_TRUE(fd >= 0);
    CU_ASSERT_TRUE(name != NULL && strstr(name, ".debug/program.debug") != NULL);
    CU_ASSERT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    free(name);
    name = NULL;
    image->build_id[0] ^= 1; /* a file of another build beside it is not taken */
    CU_ASSERT_EQUAL(image_open_debug(image, "program.debug", &name), -1);
    CU_ASSERT_EQUAL(image_open_debug(image, "../program", &name), -1);
    CU_ASSERT_PTR_NULL(name);
    snprintf(command, sizeof command, "rm -r %s", folder);
    CU_ASSERT_EQUAL(system(command), 0);
    image_free(image);
}

/* ---- forged headers ---- */

static void forge_segment(Elf64_Phdr *segment, uint64_t *seed)
{
    static const uint32_t types[] = {PT_LOAD, PT_LOAD, PT_NOTE, PT_DYNAMIC, PT_GNU_EH_FRAME};
    uint64_t *field = (uint64_t *)(void *)segment;

    for (size_t i = 0; i < sizeof *segment / sizeof *field; i++) {
        uint64_t random = target_random(seed);

        field[i] = random >> (random % 64);
    }
    segment->p_type = types[target_random(seed) % 5];
    if (target_random(seed) % 2 == 0)
        segment->p_offset %= FORGED_BYTES;
    if (target_random(seed) % 2 == 0)
        segment->p_filesz %= FORGED_BYTES;
    if (target_random(seed) % 2 == 0)
        segment->p_vaddr %= FORGED_BYTES;
}

/* A header that passes for one at first sight, and nonsense behind it. */
static void forge(uint8_t *page, uint64_t seed)
{
    Elf64_Ehdr *head = (Elf64_Ehdr *)(void *)page;
    unsigned segments = 1 + (unsigned)(target_random(&seed) % 64);

    for (size_t i = 0; i < FORGED_BYTES; i++)
        page[i] = (uint8_t)target_random(&seed);
    memcpy(head->e_ident, ELFMAG, SELFMAG);
    head->e_ident[EI_CLASS] = ELFCLASS64;
    head->e_ident[EI_DATA] = ELFDATA2LSB;
    head->e_machine = EM_X86_64;
    head->e_type = seed % 2 ? ET_DYN : ET_EXEC;
    head->e_phentsize = sizeof(Elf64_Phdr);
    head->e_phnum = (Elf64_Half)segments;
    head->e_phoff = seed % 8 ? sizeof *head : target_random(&seed);
    for (unsigned i = 0; i < segments; i++)
        forge_segment((Elf64_Phdr *)(void *)(page + sizeof *head) + i, &seed);
}

static bool in_order(void)
{
    for (size_t i = 0; i < images.count; i++) {
        if (images.image[i]->end < images.image[i]->start)
            return false;
        if (i > 0 && images.image[i - 1]->end > images.image[i]->start)
            return false;
    }
    return true;
}

static void look_at_forgery(const void *page)
{
    struct image *image;
    Elf *elf = NULL;
    int fd;

    scan();
    CU_ASSERT_TRUE(in_order());
    CU_ASSERT_PTR_NOT_NULL(libc_image());
    image = image_find(&images, (uintptr_t)page);
    if (image != NULL && image->start == (uintptr_t)page) {
        fd = image_open(image, &elf);
        elf_end(elf);
        if (fd >= 0)
            close(fd);
    }
    done();
}

static void test_forged_headers(void)
{
    int fd = memfd_create("forgery", MFD_CLOEXEC);
    uint8_t *page;

    CU_ASSERT_EQUAL_FATAL(ftruncate(fd, FORGED_BYTES), 0);
    page = mmap(NULL, FORGED_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, fd, 0);
    CU_ASSERT_NOT_EQUAL_FATAL(page, MAP_FAILED);
    for (uint64_t seed = 1; seed <= FORGERIES; seed++) {
        unsigned before = CU_get_number_of_failures();

        forge(page, seed);
        look_at_forgery(page);
        if (CU_get_number_of_failures() != before)
            printf("  forgery with seed %lu\n", (unsigned long)seed);
    }
    munmap(page, FORGED_BYTES);
    close(fd);
}

static CU_TestInfo tests[] = {
    {"the loader's list", test_same_as_the_loader},
    {"name and build id", test_who_it_is},
    {"the vdso", test_vdso},
    {"a copy from memory", test_copy_from_memory},
    {"another file is refused", test_other_file_is_refused},
    {"what makes two the same", test_same},
    {"from a file", test_from_file},
    {"a debug file beside it", test_debug_link},
    {"forged headers", test_forged_headers},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    return unwind_tests("image", NULL, NULL, tests);
}

/*
 * uses: from --use to what the host of modules is told.
 *
 * Nothing of the user's is ever loaded into this process: it is tried in the host, which has
 * no more libraries than the run will have.
 */
#include "uses.h"

#include <harness/supervisor/guardian/guardian.h>
#include <harness/supervisor/process/trial.h>

#include <harness/common/call.h>

#include <errno.h>
#include <ftw.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { COMPILER_WORDS = 64 };

static const char flag_shared[] = "-shared";

struct uses {
    unsigned holders;
    char *library;
    char *file;
    unsigned count;
    char *text[USES_MOST];
    char *word[USES_MOST];
    /* where C files are compiled to; NULL without any */
    struct guardian *guardian;
    char *folder;
};

static int no_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "out of memory");
}

/* --- a folder of our own --------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

/* The guardian knows the name before the folder is there: no kill can come in between. */
static int make_folder(struct uses *uses, struct error *e)
{
    const char *base = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    uint64_t number;
    int code;

    if (uses->folder != NULL)
        return 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return error_set(e, ERROR_SYSTEM, "getrandom: %s", strerror(errno));
    if (asprintf(&uses->folder, "%s/rundown-use.%016llx", base, (unsigned long long)number) < 0)
        return no_memory(e);
    if ((code = guardian_start(&uses->guardian, e)) != 0 ||
        (code = guardian_remove_on_death(uses->guardian, uses->folder, e)) != 0)
        return code;
    if (mkdir(uses->folder, 0700) != 0)
        return error_set(e, ERROR_SYSTEM, "%s: %s; TMPDIR names another folder", uses->folder,
                         strerror(errno));
    return 0;
}

static void remove_folder(struct uses *uses)
{
    if (uses->guardian == NULL)
        return;
    nftw(uses->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    guardian_stop(uses->guardian, NULL);
}

/* --- C files -----------------------------------------------------------------------------------
 */

static const char *compiler(void)
{
    const char *name = getenv("CC");

    return name != NULL && *name != 0 ? name : "cc";
}

/* Both variables may hold several words: CC="ccache gcc". They are split in place. */
static unsigned add_words(char *words, const char **out, unsigned count)
{
    char *word;

    while ((word = strsep(&words, " \t\n")) != NULL)
        if (*word != 0 && count < COMPILER_WORDS)
            out[count++] = word;
    return count;
}

/* What the compiler prints is an error's text, so all of it goes to stderr. */
static int run_compiler(const char **words, int *status)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int failure;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, 2, 1);
    failure = posix_spawnp(&pid, words[0], &actions, NULL, (char *const *)words, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failure != 0)
        return failure;
    while (waitpid(pid, status, 0) < 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

static int compile(const char *source, const char *object, struct error *e)
{
    const char *words[COMPILER_WORDS + 8];
    const char *flags = getenv("CFLAGS");
    char *cc = strdup(compiler());
    char *more = strdup(flags != NULL ? flags : "");
    unsigned count = 0;
    int status = 0;
    int failure = ENOMEM;

    if (cc != NULL && more != NULL) {
        count = add_words(cc, words, count);
        words[count++] = flag_shared;
        words[count++] = "-fPIC";
        words[count++] = "-g";
        count = add_words(more, words, count);
        words[count++] = "-o";
        words[count++] = object;
        words[count++] = source;
        words[count] = NULL;
        failure = words[0] != flag_shared ? run_compiler(words, &status) : ENOENT;
    }
    free(cc);
    free(more);
    if (failure != 0)
        return error_set(e, ERROR_USAGE,
                         "--use: %s: the compiler '%s': %s; apt-get install gcc, or set CC", source,
                         compiler(), strerror(failure));
    return status == 0 ? 0
                       : error_set(e, ERROR_USAGE, "--use: %s: '%s' does not compile it, see above",
                                   source, compiler());
}

/* snippet.c becomes FOLDER/0/snippet.so: the name shows in findings. */
static int compile_use(struct uses *uses, unsigned index, struct error *e)
{
    const char *source = uses->text[index];
    const char *slash = strrchr(source, '/');
    const char *base = slash != NULL ? slash + 1 : source;
    char *folder = NULL;
    char *object = NULL;
    int code = make_folder(uses, e);

    if (code == 0 && (asprintf(&folder, "%s/%u", uses->folder, index) < 0 ||
                      asprintf(&object, "%s/%.*s.so", folder, (int)strlen(base) - 2, base) < 0 ||
                      asprintf(&uses->word[index], "driver:%s", object) < 0))
        code = no_memory(e);
    if (code == 0 && mkdir(folder, 0700) != 0)
        code = error_set(e, ERROR_SYSTEM, "%s: %s", folder, strerror(errno));
    if (code == 0)
        code = compile(source, object, e);
    free(folder);
    free(object);
    return code;
}

/* --- reading --use -----------------------------------------------------------------------------
 */

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t tail = strlen(end);

    return length > tail && strcmp(text + length - tail, end) == 0;
}

/* The same file from any directory; links stay, since $ORIGIN is where the link lies. */
static char *absolute(const char *path)
{
    char *directory = path[0] != '/' ? getcwd(NULL, 0) : NULL;
    char *out = NULL;

    if (asprintf(&out, "%s%s%s", directory != NULL ? directory : "", directory != NULL ? "/" : "",
                 path) < 0)
        out = NULL;
    free(directory);
    return out;
}

static int read_call(struct uses *uses, unsigned index, const char *text, struct error *e)
{
    struct call call;
    struct error why;

    if (call_parse(text, &call, &why) != 0)
        return error_set(e, ERROR_USAGE, "--use: %s", why.text);
    uses->text[index] = strdup(text);
    if (uses->text[index] == NULL || asprintf(&uses->word[index], "call:%s", text) < 0)
        return no_memory(e);
    return 0;
}

static int read_file(struct uses *uses, unsigned index, const char *text, struct error *e)
{
    struct stat info;

    if (stat(text, &info) != 0)
        return error_set(e, ERROR_USAGE,
                         "--use: %s: %s; write a call like 'fn(1,\"text\",NULL)', a .c file or a "
                         "shared object",
                         text, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return error_set(e, ERROR_USAGE, "--use: %s: is no file", text);
    uses->text[index] = absolute(text);
    if (uses->text[index] == NULL)
        return no_memory(e);
    if (ends_with(text, ".c"))
        return compile_use(uses, index, e);
    return asprintf(&uses->word[index], "driver:%s", uses->text[index]) < 0 ? no_memory(e) : 0;
}

static int read_uses(struct uses *uses, const char *const *use, unsigned count, struct error *e)
{
    int code = 0;

    if (count > USES_MOST)
        return error_set(e, ERROR_USAGE, "--use: more than %d; a .c file can do all in one",
                         USES_MOST);
    for (unsigned i = 0; i < count && code == 0; i++, uses->count++)
        code = strchr(use[i], '(') != NULL && !ends_with(use[i], ".c")
                   ? read_call(uses, i, use[i], e)
                   : read_file(uses, i, use[i], e);
    return code;
}

static int read_library(struct uses *uses, const char *library, struct error *e)
{
    struct stat info;
    bool is_there = stat(library, &info) == 0;

    if (!is_there && (strchr(library, '/') != NULL || *library == 0))
        return error_set(e, ERROR_USAGE, "%s: %s", *library != 0 ? library : "''", strerror(errno));
    if (is_there && !S_ISREG(info.st_mode))
        return error_set(e, ERROR_USAGE, "%s: is no shared object", library);
    if (is_there && access(library, R_OK) != 0)
        return error_set(e, ERROR_USAGE, "%s: %s", library, strerror(errno));
    uses->library = is_there ? absolute(library) : strdup(library);
    return uses->library != NULL ? 0 : no_memory(e);
}

/* --- the trial
 * ------------------------------------------------------------------------------------ */

/* The loader's words come without a mend. */
static const char *mend(const char *why)
{
    static const struct {
        const char *words;
        const char *mend;
    } mends[] = {
        {"undefined symbol", "; link it with what defines that"},
        {"invalid ELF header", "; a module is a shared object, as cc -shared makes it"},
        {"file too short", "; a module is a shared object, as cc -shared makes it"},
        {"wrong ELF class", "; a module must be for 64 bits, as rundown is"},
        {"cannot open shared object file", "; see ldd, or set LD_LIBRARY_PATH"},
    };

    for (unsigned i = 0; i < sizeof mends / sizeof mends[0]; i++)
        if (strstr(why, mends[i].words) != NULL)
            return mends[i].mend;
    return "";
}

/* The loader names the file first, and a C file's shared object is nobody's business. */
static const char *without_path(const char *why, const char *path)
{
    size_t length = strlen(path);

    return strncmp(why, path, length) == 0 && why[length] == ':' ? why + length + 2 : why;
}

static int refuse_use(const struct uses *uses, const char *text, struct error *e)
{
    char *why;
    unsigned long index = strtoul(text, &why, 10);

    if (index >= uses->count || *why != ' ')
        return error_set(e, ERROR_USAGE, "--use: %.350s", text);
    why++;
    if (strncmp(uses->word[index], "driver:", 7) == 0)
        why = (char *)without_path(why, uses->word[index] + 7);
    return error_set(e, ERROR_USAGE, "--use: %s: %.350s%s", uses->text[index], why, mend(why));
}

static int take_answer(struct uses *uses, const char *text, struct error *e)
{
    if (strncmp(text, "use ", 4) == 0)
        return refuse_use(uses, text + 4, e);
    if (strncmp(text, "no ", 3) == 0)
        return error_set(e, ERROR_USAGE, "%s: %.350s%s", uses->library,
                         without_path(text + 3, uses->library), mend(text + 3));
    uses->file = strdup(strncmp(text, "ok ", 3) == 0 ? text + 3
                        : uses->library[0] == '/'    ? uses->library
                                                     : "");
    return uses->file != NULL ? 0 : no_memory(e);
}

/* The host with --check. One line, or nothing where the host crashed, ended or took too long. */
static int try_it(struct uses *uses, const char *host, struct error *e)
{
    const char *words[USES_MOST + 4] = {host, "--check", uses->library};
    struct trial *trial = malloc(sizeof *trial);
    int code;

    if (trial == NULL)
        return no_memory(e);
    for (unsigned i = 0; i < uses->count; i++)
        words[3 + i] = uses->word[i];
    code = trial_run((char *const *)words, environ, "\n", 1, trial, e);
    trial->answer[strcspn(trial->answer, "\n")] = 0;
    if (code == 0)
        code = take_answer(uses, trial->answer, e);
    free(trial);
    return code;
}

/* --- from outside -------------------------------------------------------------------------------
 */

int uses_open(const char *library, const char *const *use, unsigned count, const char *host,
              struct uses **out, struct error *e)
{
    struct uses *uses = calloc(1, sizeof *uses);
    int code;

    if (uses == NULL)
        return no_memory(e);
    uses->holders = 1;
    if ((code = read_library(uses, library, e)) == 0 &&
        (code = read_uses(uses, use, count, e)) == 0 && (code = try_it(uses, host, e)) == 0) {
        *out = uses;
        return 0;
    }
    uses_drop(uses);
    return code;
}

struct uses *uses_hold(struct uses *uses)
{
    uses->holders++;
    return uses;
}

void uses_drop(struct uses *uses)
{
    if (uses == NULL || --uses->holders > 0)
        return;
    remove_folder(uses);
    for (unsigned i = 0; i < USES_MOST; i++) {
        free(uses->text[i]);
        free(uses->word[i]);
    }
    free(uses->folder);
    free(uses->library);
    free(uses->file);
    free(uses);
}

const char *uses_library(const struct uses *uses)
{
    return uses->library;
}

const char *uses_file(const struct uses *uses)
{
    return uses->file;
}

unsigned uses_count(const struct uses *uses)
{
    return uses->count;
}

const char *uses_text(const struct uses *uses, unsigned index)
{
    return uses->text[index];
}

const char *uses_word(const struct uses *uses, unsigned index)
{
    return uses->word[index];
}

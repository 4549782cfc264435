/*
 * moments: reads the lines of a stored timeline. Much of them was the target's: nothing is
 * believed beyond the form of a line.
 */
#include <results/text/moments.h>

#include <stdlib.h>
#include <string.h>

static const struct moments_kind kinds[] = {
    {"waits for a lock",
     {"wait-begin", "lock_wait"},
     {"acquired", "lock_acquire", "wait-failed", "owner-died"}},
    {"waits for a thread's end", {"join-begin", NULL}, {"join-end", NULL, NULL, NULL}},
    {"loads a module",
     {"load-begin", "module_load_begin"},
     {"load-end", "module_load_end", NULL, NULL}},
    {"unloads a module",
     {"unload-begin", "module_unload_begin"},
     {"unload-end", "module_unload_end", NULL, NULL}},
    {"lap", {"lap-begin", NULL}, {"lap-end", NULL, NULL, NULL}},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* Cuts the word at *@rest off and moves *@rest to the next one. */
static char *cut_word(char **rest)
{
    char *word = *rest + strspn(*rest, " "), *end = word + strcspn(word, " ");

    *rest = end + strspn(end, " ");
    *end = '\0';
    return word;
}

/* A thread's name is one word, or "tid 17" where no hook saw its birth. */
static char *cut_thread(char **rest)
{
    char *word = *rest + strspn(*rest, " "), *end;

    if (strncmp(word, "tid ", 4) != 0)
        return cut_word(rest);
    end = word + 4;
    end += strcspn(end, " ");
    *rest = *end != '\0' ? end + 1 : end;
    *end = '\0';
    return word;
}

static int find_thread(struct moments *moments, const char *name)
{
    for (size_t i = 0; i < moments->threads; i++)
        if (strcmp(moments->thread[i], name) == 0)
            return (int)i;
    moments->thread[moments->threads] = name;
    return (int)moments->threads++;
}

/* A passed site tells more by its name than by "site". */
static void name_after_site(struct moment *moment, char *detail)
{
    if ((strcmp(moment->name, "site") == 0 || strcmp(moment->name, "call") == 0) &&
        *detail != '\0' && strncmp(detail, "0x", 2) != 0) {
        moment->name = cut_word(&detail);
        moment->detail = detail;
    }
}

/* "-2.010 ms  T1.2     free  ...". What is no such line is shown whole, on no thread's track. */
static void read_line(struct moments *moments, char *line)
{
    struct moment *moment = &moments->moment[moments->count++];
    char *rest;
    double before = strtod(line, &rest);

    *moment = (struct moment){.us = moments->count > 1 ? moment[-1].us : 0,
                              .thread = MOMENTS_NO_THREAD,
                              .name = line,
                              .detail = ""};
    if (rest == line || !(before <= 0 && before > -1e12) || strncmp(rest, " ms  ", 5) != 0)
        return;
    rest += 5;
    moment->us = before * 1000;
    moment->thread = find_thread(moments, cut_thread(&rest));
    moment->name = cut_word(&rest);
    moment->detail = rest;
    name_after_site(moment, rest);
}

/* Lines tell the time before the last; tracks want the time since the first. */
static void count_from_first(struct moments *moments)
{
    double first = 0;

    for (size_t i = 0; i < moments->count; i++)
        if (moments->moment[i].us < first)
            first = moments->moment[i].us;
    for (size_t i = 0; i < moments->count; i++) {
        moments->moment[i].us -= first;
        if (moments->moment[i].us > moments->last)
            moments->last = moments->moment[i].us;
    }
}

static size_t count_lines(const char *text)
{
    size_t lines = 1;

    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

void moments_free(struct moments *moments)
{
    free(moments->text);
    free(moments->moment);
    free(moments->thread);
    memset(moments, 0, sizeof *moments);
}

int moments_read(struct moments *moments, const char *text, double hang_ms, struct error *e)
{
    size_t lines = count_lines(text);
    char *rest;

    *moments = (struct moments){.text = strdup(text)};
    moments->moment = calloc(lines, sizeof *moments->moment);
    moments->thread = calloc(lines, sizeof *moments->thread);
    if (moments->text == NULL || moments->moment == NULL || moments->thread == NULL) {
        moments_free(moments);
        return error_set(e, ERROR_MEMORY, "report: out of memory");
    }
    rest = moments->text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (*line != '\0')
            read_line(moments, line);
    count_from_first(moments);
    moments->end = moments->last + (hang_ms > 0 && hang_ms < 1e12 ? hang_ms * 1000 : 0);
    return 0;
}

/* --- what lasts ------------------------------------------------------------------------------ */

static bool is_one_of(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] != NULL && strcmp(list[i], name) == 0)
            return true;
    return false;
}

const struct moments_kind *moments_begun(const char *name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (is_one_of(name, kinds[i].begin, 2))
            return &kinds[i];
    return NULL;
}

const struct moments_kind *moments_ended(const char *name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (is_one_of(name, kinds[i].end, 4))
            return &kinds[i];
    return NULL;
}

bool moments_is_injection(const char *name)
{
    return strncmp(name, "inject", 6) == 0;
}

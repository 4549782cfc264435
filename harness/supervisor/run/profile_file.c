/*
 * profile_file: see profile_file.h. What is read may be anybody's: each line is checked.
 */
#include "profile_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char heading[] = "rundown-profile 1\n";

/* --- writing -------------------------------------------------------------------------------- */

static void write_site(FILE *out, const struct target *target, uint32_t site)
{
    char name[64];

    if (site >= ABI_SITES)
        fprintf(out, "user:%.*s", ABI_NAME_BYTES, target->user_site[site - ABI_SITES]);
    else
        fputs(abi_site_name(NULL, site, name), out);
}

static void write_entries(FILE *out, const struct target *target)
{
    for (uint32_t i = 0; i < target->profile.count; i++) {
        const struct profile_entry *entry = &target->profile.entry[i];

        fprintf(out, "%s ", entry->thread);
        write_site(out, target, entry->site);
        fprintf(out, " %u", entry->hits);
        for (unsigned k = 0; k < PROFILE_LENGTHS; k++)
            fprintf(out, " %u", entry->length[k]);
        fputc('\n', out);
    }
}

int profile_file_write(const char *path, const struct target *target, struct error *e)
{
    char fresh[4200];
    FILE *out;
    int failed;

    snprintf(fresh, sizeof fresh, "%s.new", path);
    out = fopen(fresh, "we");
    if (out == NULL)
        return error_set(e, ERROR_SYSTEM, "%s: %s", fresh, strerror(errno));
    fprintf(out, "%sstatus %d\n", heading, target->baseline_status);
    for (unsigned i = 0; i < ABI_USER_SITES && target->user_site[i][0] != 0; i++)
        fprintf(out, "user %.*s\n", ABI_NAME_BYTES, target->user_site[i]);
    write_entries(out, target);
    fputs("end\n", out);
    failed = ferror(out);
    failed |= fclose(out) != 0;
    if (!failed && rename(fresh, path) == 0)
        return 0;
    error_set(e, ERROR_SYSTEM, "%s: %s", path, strerror(errno));
    unlink(fresh);
    return ERROR_SYSTEM;
}

/* --- reading -------------------------------------------------------------------------------- */

struct reader {
    const char *path;
    unsigned line;
    struct target *target; /* a copy of what is read of it */
    unsigned users;
    bool ended;
    struct error *e;
};

static int refuse(const struct reader *reader, const char *what)
{
    return error_set(reader->e, ERROR_USAGE, "--profile: %s:%u: %s", reader->path, reader->line,
                     what);
}

static int find_site(const struct reader *reader, const char *name, uint16_t *site)
{
    if (strncmp(name, "user:", 5) != 0) {
        *site = abi_site_find(name);
        return *site != 0 ? 0 : refuse(reader, "there is no such site");
    }
    for (unsigned i = 0; i < reader->users; i++)
        if (strcmp(reader->target->user_site[i], name + 5) == 0) {
            *site = (uint16_t)(ABI_SITES + i);
            return 0;
        }
    return refuse(reader, "there is no such user site");
}

static int read_user(struct reader *reader, const char *name)
{
    if (reader->users == ABI_USER_SITES || strlen(name) >= ABI_NAME_BYTES || name[0] == 0)
        return refuse(reader, "too many user sites, or too long a name");
    strcpy(reader->target->user_site[reader->users++], name);
    return 0;
}

static bool next_number(char **rest, uint32_t *out)
{
    const char *word = strsep(rest, " ");
    unsigned long value;
    char *end;

    if (word == NULL || word[0] < '0' || word[0] > '9')
        return false;
    errno = 0;
    value = strtoul(word, &end, 10);
    *out = (uint32_t)value;
    return *end == 0 && errno == 0 && value <= UINT32_MAX;
}

static int read_entry(struct reader *reader, const char *thread, char *rest)
{
    struct profile *profile = &reader->target->profile;
    struct profile_entry entry = {0};
    const char *site = strsep(&rest, " ");
    int code;

    if (thread[0] != 'T' || strlen(thread) >= sizeof entry.thread || site == NULL)
        return refuse(reader, "this is no line of a profile");
    strcpy(entry.thread, thread);
    if ((code = find_site(reader, site, &entry.site)) != 0)
        return code;
    if (!next_number(&rest, &entry.hits) || entry.hits == 0)
        return refuse(reader, "the hits are no number from 1");
    for (unsigned i = 0; i < PROFILE_LENGTHS; i++)
        if (!next_number(&rest, &entry.length[i]) || entry.length[i] > PROFILE_MAX_LENGTH)
            return refuse(reader, "a length is no number, too large, or missing");
    if (rest != NULL || profile->count == PROFILE_ENTRIES)
        return refuse(reader, "more numbers or more lines than a profile has");
    profile->entry[profile->count++] = entry;
    return 0;
}

static int read_line(struct reader *reader, char *line)
{
    char *rest = line;
    const char *word;
    uint32_t status;

    line[strcspn(line, "\n")] = 0;
    word = strsep(&rest, " ");
    if (reader->ended)
        return refuse(reader, "there is more behind the end");
    if (strcmp(word, "end") == 0 && rest == NULL) {
        reader->ended = true;
        return 0;
    }
    if (strcmp(word, "user") == 0)
        return read_user(reader, rest != NULL ? rest : "");
    if (strcmp(word, "status") != 0)
        return read_entry(reader, word, rest);
    if (!next_number(&rest, &status) || rest != NULL)
        return refuse(reader, "the status is no number");
    reader->target->baseline_status = (int)status;
    return 0;
}

static int read_all(struct reader *reader, FILE *in)
{
    char line[1024];
    int code = 0;

    reader->line = 1;
    if (fgets(line, sizeof line, in) == NULL || strcmp(line, heading) != 0)
        return refuse(reader, "this is no profile of this version of rundown");
    while (code == 0 && fgets(line, sizeof line, in) != NULL) {
        reader->line++;
        code = read_line(reader, line);
    }
    if (code == 0 && !reader->ended)
        code = refuse(reader, "its end is missing");
    return code;
}

int profile_file_read(const char *path, struct target *target, struct error *e)
{
    struct target *copy = calloc(1, sizeof *copy);
    struct reader reader = {path, 0, copy, 0, false, e};
    FILE *in = copy != NULL ? fopen(path, "re") : NULL;
    int code;

    if (copy == NULL)
        return error_set(e, ERROR_MEMORY, "out of memory");
    if (in == NULL) {
        free(copy);
        return error_set(e, ERROR_USAGE, "--profile: %s: %s", path, strerror(errno));
    }
    code = read_all(&reader, in);
    fclose(in);
    if (code == 0) {
        plan_profile_sort(&copy->profile);
        target->profile = copy->profile;
        memcpy(target->user_site, copy->user_site, sizeof target->user_site);
        target->baseline_status = copy->baseline_status;
        target->profiled = true;
    }
    free(copy);
    return code;
}

/*
 * plan: all that a cycle will do, as a pure function of seed, cell, cycle and profile.
 *
 * The same code runs in the fork server, in the target and in the supervisor: no allocation,
 * no clock, no state. Only plan_point_parse(), which the supervisor alone calls, words an
 * error. A profile lies in memory that targets can write to, so nothing in it is believed.
 *
 * Numbers made here are in every replay line: a change to one of the formulas needs new golden
 * values in test_plan.c, and makes all older seeds mean something else.
 */
#include <harness/plan.h>

#include <stdbool.h>
#include <string.h>

#include <harness/agent_abi.h>

#define GOLDEN     UINT64_C(0x9e3779b97f4a7c15)
#define FNV_BASIS  UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME  UINT64_C(0x100000001b3)
#define SITE_WORDS 4
#define DARTS      8

/* --- numbers ------------------------------------------------------------------------- */

/* SplitMix64's finaliser: G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014, 453-472. */
static uint64_t finalise(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* The generator SplitMix64, started at a place that seed and purpose name, at step counter. */
uint64_t plan_mix(uint64_t seed, uint64_t purpose, uint64_t counter)
{
    uint64_t start = finalise(seed + GOLDEN) ^ purpose;

    return finalise(start + GOLDEN * (counter + 1));
}

/* FNV-1a: G. Fowler, L. C. Noll, K.-P. Vo, IETF draft-eastlake-fnv. */
static uint64_t hash_more(uint64_t hash, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;

    while (length-- > 0)
        hash = (hash ^ *at++) * FNV_PRIME;
    return hash;
}

uint64_t plan_hash(const void *bytes, size_t length)
{
    return hash_more(FNV_BASIS, bytes, length);
}

/* The high half of the product: D. Lemire, ACM TOMACS 29 (2019), 3, without its rejection. */
uint64_t plan_below(uint64_t number, uint64_t bound)
{
    return (uint64_t)(((unsigned __int128)number * bound) >> 64);
}

/* One purpose's number of this cycle; the purpose's name is part of what seeds mean. */
static uint64_t draw(uint64_t key, const char *purpose, uint64_t cycle)
{
    return plan_mix(key, plan_hash(purpose, strlen(purpose)), cycle);
}

/* --- where a strike can land --------------------------------------------------------- */

/* Entries of a profile, [first, end). */
struct range {
    uint32_t first;
    uint32_t end;
};

static bool same_thread(const char *one, const char *other)
{
    return strncmp(one, other, PLAN_THREAD_BYTES) == 0;
}

/* Without a call: this is asked of every entry of the profile in every cycle. */
static bool is_main(const char *thread)
{
    return thread[0] == 'T' && thread[1] == '1' && thread[2] == 0;
}

/* "T1.2f1": as a rule its end would be the end of its process, and its parent's status. */
static bool leads_child(const char *thread)
{
    char last = 0;

    for (unsigned i = 0; i < PLAN_THREAD_BYTES && thread[i] != 0; i++)
        last = thread[i] >= '0' && thread[i] <= '9' ? last : thread[i];
    return last == 'f';
}

static bool victim_allowed(const struct plan_spec *spec, const char *thread)
{
    if (is_main(thread) ? spec->not_main : spec->main_only)
        return false;
    if (spec->not_main && leads_child(thread))
        return false;
    return spec->point.thread[0] == 0 || same_thread(spec->point.thread, thread);
}

static bool site_allowed(const struct plan_spec *spec, uint32_t site)
{
    if (site >= SITE_WORDS * 64 || !(spec->sites[site / 64] >> site % 64 & 1))
        return false;
    return spec->point.site == 0 || spec->point.site == site;
}

static bool eligible(const struct plan_spec *spec, const struct profile_entry *entry)
{
    return site_allowed(spec, entry->site) && entry->hits != 0 && entry->hits >= spec->point.hit &&
           victim_allowed(spec, entry->thread);
}

static uint32_t entries_of(const struct profile *profile)
{
    if (profile == NULL)
        return 0;
    return profile->count < PROFILE_ENTRIES ? profile->count : PROFILE_ENTRIES;
}

/* First entry whose thread is not before @name; with @after, not before or at it. */
static uint32_t thread_bound(const struct profile *profile, const char *name, bool after)
{
    uint32_t low = 0;
    uint32_t high = entries_of(profile);

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strncmp(profile->entry[middle].thread, name, PLAN_THREAD_BYTES);

        if (order < 0 || (after && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The entries of the one thread that can be meant, or all; they are sorted by thread. */
static struct range candidates(const struct plan_spec *spec, const struct profile *profile)
{
    const char *thread = spec->main_only ? "T1" : spec->point.thread;

    if (thread[0] == 0)
        return (struct range){0, entries_of(profile)};
    return (struct range){thread_bound(profile, thread, false),
                          thread_bound(profile, thread, true)};
}

/* One pass over all of them; @number picks among those that qualify. */
static const struct profile_entry *scan(const struct plan_spec *spec, const struct profile *profile,
                                        struct range range, uint64_t number)
{
    uint16_t chance[PROFILE_ENTRIES];
    uint32_t chances = 0;

    for (uint32_t i = range.first; i < range.end; i++) {
        chance[chances] = (uint16_t)i;
        chances += eligible(spec, &profile->entry[i]);
    }
    return chances > 0 ? &profile->entry[chance[plan_below(number, chances)]] : NULL;
}

/*
 * Picks one of the entries that qualify, each with the same chance; NULL if none does. A long
 * profile takes microseconds to read, so darts are thrown at it first: one that hits an entry
 * that qualifies hits each of them alike. Only where those are rare, all is read.
 */
static const struct profile_entry *pick(const struct plan_spec *spec, const struct profile *profile,
                                        uint64_t key, uint64_t cycle)
{
    struct range range = candidates(spec, profile);
    uint64_t stream = draw(key, "pair", cycle);

    if (range.first >= range.end)
        return NULL;
    for (uint32_t dart = 0; dart < DARTS; dart++) {
        uint64_t number = plan_mix(stream, 0, dart);
        const struct profile_entry *entry =
            &profile->entry[range.first + plan_below(number, range.end - range.first)];

        if (eligible(spec, entry))
            return entry;
    }
    return scan(spec, profile, range, plan_mix(stream, 0, DARTS));
}

static bool names_a_place(const struct plan_point *point)
{
    return point->thread[0] != 0 && point->site != 0 && point->hit != 0;
}

/* Fixed by the user or by a replay line in every part, so it needs no profile. */
static bool complete(const struct plan_spec *spec)
{
    const struct plan_point *point = &spec->point;

    return names_a_place(point) && site_allowed(spec, point->site) &&
           victim_allowed(spec, point->thread);
}

static int64_t draw_argument(const struct plan_spec *spec, uint64_t number)
{
    uint64_t span = (uint64_t)spec->argument_high - (uint64_t)spec->argument_low + 1;

    if (!spec->draw_argument)
        return spec->point.argument;
    if (span == 0) /* all 64-bit numbers */
        return (int64_t)number;
    return (int64_t)((uint64_t)spec->argument_low + plan_below(number, span));
}

static uint32_t draw_insn(const struct plan_spec *spec, const struct profile_entry *entry,
                          uint32_t hit, uint64_t number)
{
    if (spec->point.insn_fixed || !spec->inside || entry == NULL || !abi_site_inside(entry->site))
        return spec->point.insn;
    return (uint32_t)plan_below(number, plan_length(entry, hit));
}

/* What is left open in the spec's point is taken from the entry, the rest of it drawn. */
static void draw_point(const struct plan_spec *spec, const struct profile_entry *entry,
                       uint64_t key, uint64_t cycle, struct plan_point *point)
{
    const char *thread = entry != NULL ? entry->thread : spec->point.thread;

    memcpy(point->thread, thread, strnlen(thread, PLAN_THREAD_BYTES - 1));
    point->site = entry != NULL ? entry->site : spec->point.site;
    point->injector = spec->point.injector;
    point->hit = spec->point.hit;
    if (point->hit == 0)
        point->hit = 1 + (uint32_t)plan_below(draw(key, "hit", cycle), entry->hits);
    point->insn = draw_insn(spec, entry, point->hit, draw(key, "instruction", cycle));
    point->insn_fixed = 1; /* so a plan's point is a spec's point that repeats it */
    point->argument = draw_argument(spec, draw(key, "argument", cycle));
}

void plan_draw(const struct plan_spec *spec, const struct profile *profile, uint64_t seed,
               uint64_t cell, uint64_t cycle, uint32_t mode, struct plan *out)
{
    uint64_t key = plan_mix(seed, cell, 0);
    const struct profile_entry *entry;

    memset(out, 0, sizeof *out);
    out->seed = seed;
    out->cell = cell;
    out->cycle = cycle;
    out->schedule = draw(key, "schedule", cycle);
    out->workload_seed = draw(key, "workload", cycle);
    out->mode = mode;
    if (spec->none)
        return;
    entry = pick(spec, profile, key, cycle);
    if (entry == NULL && !complete(spec))
        return;
    draw_point(spec, entry, key, cycle, &out->strike[0]);
    out->count = 1;
}

/* --- the profile ---------------------------------------------------------------------- */

/* Lengths are of hits 1, 2, 4 ...: the first that was stepped, from number @b on in steps. */
static uint32_t stepped_length(const struct profile_entry *entry, int b, int step)
{
    for (; b >= 0 && b < PROFILE_LENGTHS; b += step)
        if (entry->length[b] != 0)
            return entry->length[b];
    return 0;
}

/*
 * Between two stepped hits the shorter one counts: a strike that comes too late in its call is
 * a cycle lost. Where the hit was stepped itself, its own length is known.
 */
uint32_t plan_length(const struct profile_entry *entry, uint32_t hit)
{
    int b = hit != 0 ? 31 - __builtin_clz(hit) : 0;
    uint32_t before = stepped_length(entry, b < PROFILE_LENGTHS ? b : PROFILE_LENGTHS - 1, -1);
    uint32_t behind = stepped_length(entry, b + 1, +1);
    bool own = b < PROFILE_LENGTHS && hit == UINT32_C(1) << b && entry->length[b] != 0;
    uint32_t length = before;

    if (before == 0 || (!own && behind != 0 && behind < before))
        length = behind;
    return length < PROFILE_MAX_LENGTH ? length : PROFILE_MAX_LENGTH;
}

/* The rest of two entries of one place counts too, so that the order is a total one. */
static bool before(const struct profile_entry *a, const struct profile_entry *b)
{
    int order = strncmp(a->thread, b->thread, PLAN_THREAD_BYTES);

    if (order != 0)
        return order < 0;
    if (a->site != b->site)
        return a->site < b->site;
    if (a->hits != b->hits)
        return a->hits < b->hits;
    return memcmp(a->length, b->length, sizeof a->length) < 0;
}

static void swap(struct profile_entry *a, struct profile_entry *b)
{
    struct profile_entry kept = *a;

    *a = *b;
    *b = kept;
}

static void sift_down(struct profile_entry *entry, uint32_t root, uint32_t count)
{
    for (uint32_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && before(&entry[child], &entry[child + 1]))
            child++;
        if (!before(&entry[root], &entry[child]))
            return;
        swap(&entry[root], &entry[child]);
    }
}

/* Heap sort, since qsort() may allocate. */
static void sort(struct profile_entry *entry, uint32_t count)
{
    for (uint32_t root = count / 2; root-- > 0;)
        sift_down(entry, root, count);
    for (uint32_t last = count; last-- > 1;) {
        swap(&entry[0], &entry[last]);
        sift_down(entry, 0, last);
    }
}

/* What follows a name's NUL, and what is reserved, must not make two equal profiles differ. */
static void tidy(struct profile_entry *entry)
{
    size_t length = strnlen(entry->thread, PLAN_THREAD_BYTES - 1);

    memset(entry->thread + length, 0, PLAN_THREAD_BYTES - length);
    entry->reserved = 0;
    while (entry->hits & (entry->hits - 1))
        entry->hits &= entry->hits - 1;
}

void plan_profile_sort(struct profile *profile)
{
    uint32_t count = entries_of(profile);

    for (uint32_t i = 0; i < count; i++)
        tidy(&profile->entry[i]);
    sort(profile->entry, count);
    profile->count = count;
    profile->hash = count > 0 ? plan_hash(profile->entry, count * sizeof profile->entry[0]) : 0;
}

/* --- points as text ------------------------------------------------------------------- */

struct text {
    char *at;
    char *end; /* the NUL's last place */
};

static void put_char(struct text *text, char c)
{
    if (text->at < text->end)
        *text->at++ = c;
    *text->at = 0;
}

static void put(struct text *text, const char *string, size_t length)
{
    while (length-- > 0 && *string != 0)
        put_char(text, *string++);
}

/* A name from the target's memory may hold anything, and must be one word of a replay line. */
static void put_word(struct text *text, const char *string, size_t length)
{
    for (; length-- > 0 && *string != 0; string++)
        put_char(text, *string > ' ' && *string < 0x7f ? *string : '?');
}

static void put_number(struct text *text, uint32_t number)
{
    char digits[10];
    size_t first = sizeof digits;

    do
        digits[--first] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    put(text, digits + first, sizeof digits - first);
}

void plan_point_format(const struct plan_point *point, const char *site_name, char *out)
{
    struct text text = {out, out + PLAN_POINT_BYTES - 1};

    *out = 0;
    put_word(&text, point->thread, PLAN_THREAD_BYTES - 1);
    if (point->site != 0) {
        if (text.at != out)
            put_char(&text, ':');
        put(&text, site_name, SIZE_MAX);
    }
    if (point->hit != 0) {
        put_char(&text, '#');
        put_number(&text, point->hit);
    }
    if (point->insn != 0 || (point->insn_fixed && !names_a_place(point))) {
        put_char(&text, '+');
        put_number(&text, point->insn);
        put_char(&text, 'i');
    }
}

/* A piece of the text that is still to be understood. */
struct span {
    const char *at;
    size_t length;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads all of a span as a number of at most 32 bits. */
static bool read_number(struct span span, uint32_t *number)
{
    uint64_t value = 0;

    if (span.length == 0)
        return false;
    for (size_t i = 0; i < span.length; i++) {
        if (!is_digit(span.at[i]) || value > UINT32_MAX)
            return false;
        value = value * 10 + (uint64_t)(span.at[i] - '0');
    }
    *number = (uint32_t)value;
    return value <= UINT32_MAX;
}

/*
 * Cuts "<mark>digits" off the end, if it is there. From the end, because the name of a
 * workload's own site may hold a '#' or a '+'.
 */
static bool cut_number(struct span *span, char mark, uint32_t *number)
{
    struct span digits = {span->at + span->length, 0};

    while (digits.at > span->at && is_digit(digits.at[-1])) {
        digits.at--;
        digits.length++;
    }
    if (digits.at == span->at || digits.at[-1] != mark || !read_number(digits, number))
        return false;
    span->length -= digits.length + 1;
    return true;
}

static bool cut_insn(struct span *span, uint32_t *number)
{
    struct span rest = *span;

    if (rest.length == 0 || rest.at[rest.length - 1] != 'i')
        return false;
    rest.length--;
    if (!cut_number(&rest, '+', number))
        return false;
    *span = rest;
    return true;
}

/* One ordinal of a thread's name, from 1, as the agent writes it; 0 if there is none. */
static size_t ordinal_length(struct span span)
{
    size_t length = 0;

    while (length < span.length && is_digit(span.at[length]))
        length++;
    return length > 0 && span.at[0] != '0' ? length : 0;
}

/* Length of the thread's name that the span begins with: T1, T1.2.1, T?1, T1f1.2; or 0. */
static size_t thread_length(struct span span)
{
    size_t length = span.length > 1 && span.at[1] == '?' ? 2 : 1;

    if (span.length == 0 || span.at[0] != 'T')
        return 0;
    for (;;) {
        size_t more = ordinal_length((struct span){span.at + length, span.length - length});

        if (more == 0)
            return 0;
        length += more;
        if (length == span.length || (span.at[length] != '.' && span.at[length] != 'f'))
            return length < PLAN_THREAD_BYTES ? length : 0;
        length++;
    }
}

/* Cuts "T1.2" or "T1.2:" off the front, and nothing if something else follows, or no site. */
static void cut_thread(struct span *span, char thread[PLAN_THREAD_BYTES])
{
    size_t length = thread_length(*span);
    size_t colon = length < span->length ? 1 : 0;

    if (length == 0 || (colon && (span->at[length] != ':' || length + 1 == span->length)))
        return;
    memcpy(thread, span->at, length);
    span->at += length + colon;
    span->length -= length + colon;
}

/* The last '#' or '+', which begins the part that could not be read; 0 if there is none. */
static char last_mark(struct span span)
{
    while (span.length-- > 0)
        if (span.at[span.length] == '#' || span.at[span.length] == '+')
            return span.at[span.length];
    return 0;
}

/* What stands where a site should, and says which part of the point is wrong. */
static const char *complaint(struct span site)
{
    char mark = last_mark(site);

    if (mark == '#')
        return "a hit is written '#' and a number from 1 to 4294967295";
    if (mark == '+')
        return "an instruction is written '+', a number up to 4294967295, and 'i'";
    if (site.length >= 5 && memcmp(site.at, "user:", 5) == 0)
        return "the workload has no such site of its own";
    if (memchr(site.at, ':', site.length) != NULL)
        return "write THREAD:SITE, with a thread such as T1, T1.2 or T?1";
    if (site.at[0] == 'T')
        return "a thread is written like T1, T1.2, T?1 or T1f1";
    return "it is no site; malloc, unlock, dlopen and user:NAME are some";
}

/* Text from a command line may hold anything, and an error is one printable line. */
static void show(char out[PLAN_POINT_BYTES], struct span span)
{
    size_t n = 0;

    for (; n < span.length && n < PLAN_POINT_BYTES - 1; n++)
        out[n] = (unsigned char)span.at[n] >= ' ' ? span.at[n] : '?';
    out[n] = 0;
}

static int refuse(struct error *e, const char *text, struct span part, const char *why)
{
    char whole[PLAN_POINT_BYTES];
    char shown[PLAN_POINT_BYTES];

    show(whole, (struct span){text, strlen(text)});
    show(shown, part);
    return error_set(e, ERROR_USAGE, "injection point '%s': '%s': %s", whole, shown, why);
}

static int find_place(const char *text, struct span span,
                      uint16_t (*find_site)(const char *name, void *context), void *context,
                      struct plan_point *point, struct error *e)
{
    char name[PLAN_POINT_BYTES];

    if (span.length == 0)
        return 0;
    memcpy(name, span.at, span.length);
    name[span.length] = 0;
    point->site = find_site(name, context);
    if (point->site == 0)
        return refuse(e, text, span, complaint(span));
    if (point->insn != 0 && !abi_site_inside(point->site))
        return refuse(e, text, span, "no instructions can be counted there; leave out '+...i'");
    return 0;
}

int plan_point_parse(const char *text, uint16_t (*find_site)(const char *name, void *context),
                     void *context, struct plan_point *out, struct error *e)
{
    struct plan_point point = {0};
    struct span span = {text, strlen(text)};
    struct span uncut;
    int failed;

    if (span.length == 0)
        return refuse(e, text, span, "nothing is named; write THREAD:SITE#HIT+INSTRUCTIONi");
    if (span.length >= PLAN_POINT_BYTES)
        return refuse(e, text, span, "it is longer than 127 bytes");
    point.insn_fixed = cut_insn(&span, &point.insn);
    uncut = span;
    if (cut_number(&span, '#', &point.hit) && point.hit == 0)
        return refuse(e, text, uncut, "hits are counted from 1");
    cut_thread(&span, point.thread);
    failed = find_place(text, span, find_site, context, &point, e);
    if (failed)
        return failed;
    if (names_a_place(&point)) /* the entry is meant where no instruction is named */
        point.insn_fixed = 1;
    *out = point;
    return 0;
}

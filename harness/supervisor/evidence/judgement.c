/*
 * judgement: findings are made, worded, signed and put in order. Nothing is judged here.
 *
 * All that a detector says passes through here, so this is the place where a target's own text
 * is made harmless and where signatures are kept free of what differs from run to run in form;
 * what differs in substance (addresses, ids, thread names) no detector may pass in.
 */
#include <harness/detector.h>

#include <results/text/utf8.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNED_PART = 112 }; /* of culprit and waiter each; a slug has room beside two of them */

struct finding *judgement_add(struct judgement *judgement, enum stop_code code)
{
    const struct stop_code_entry *entry = stop_code_entry(code);
    struct finding *finding;

    if (entry == NULL || judgement->findings >= FINDINGS_PER_CYCLE)
        return NULL;
    finding = &judgement->finding[judgement->findings++];
    memset(finding, 0, sizeof *finding);
    finding->code = code;
    finding->severity = entry->severity;
    finding_sign(finding, "", "");
    return finding;
}

/* Cut text may end inside a character; that end is dropped, other bad bytes become '?'. */
static void make_harmless(char *text, size_t length, size_t room)
{
    size_t at = 0;

    while (at < length) {
        uint32_t character;
        size_t bytes = utf8_next(text + at, length - at, &character);

        if (character == UTF8_BAD && length == room - 1 && length - at < 4)
            break;
        if (character == UTF8_BAD || character < ' ' || (character >= 0x7f && character < 0xa0))
            memset(text + at, '?', bytes);
        at += bytes;
    }
    while (at > 0 && text[at - 1] == ' ')
        at--;
    text[at] = 0;
}

void finding_say(struct finding *finding, const char *format, ...)
{
    char *line;
    va_list args;

    if (finding == NULL || finding->lines >= FINDING_LINES)
        return;
    line = finding->line[finding->lines++];
    va_start(args, format);
    vsnprintf(line, FINDING_TEXT_BYTES, format, args);
    va_end(args);
    make_harmless(line, strlen(line), FINDING_TEXT_BYTES);
}

static void set_text(char *out, size_t room, const char *text)
{
    snprintf(out, room, "%s", text);
    make_harmless(out, strlen(out), room);
}

void finding_wait(struct finding *finding, const char *waiter, const char *what, const char *owner,
                  const char *state)
{
    struct finding_wait wait;

    if (finding == NULL || finding->waits >= FINDING_WAITS)
        return;
    set_text(wait.waiter, sizeof wait.waiter, waiter);
    set_text(wait.what, sizeof wait.what, what);
    set_text(wait.owner, sizeof wait.owner, owner);
    set_text(wait.state, sizeof wait.state, state);
    for (unsigned i = 0; i < finding->waits; i++)
        if (strcmp(finding->wait[i].waiter, wait.waiter) == 0 &&
            strcmp(finding->wait[i].owner, wait.owner) == 0)
            return;
    finding->wait[finding->waits++] = wait;
}

/*
 * One word: a signature is split at blanks. What is too long keeps its beginning and a hash of
 * the whole, so that two long C++ names stay two.
 */
static void sign_part(char out[SIGNED_PART + 1], const char *part)
{
    size_t length = strlen(part);

    if (length > SIGNED_PART)
        snprintf(out, SIGNED_PART + 1, "%.*s~%016" PRIx64, SIGNED_PART - 17, part,
                 plan_hash(part, length));
    else
        snprintf(out, SIGNED_PART + 1, "%s", *part != 0 ? part : "-");
    for (char *at = out; *at != 0; at++)
        if (*at <= ' ' || *at >= 0x7f)
            *at = '_';
}

void finding_sign(struct finding *finding, const char *culprit, const char *waiter)
{
    char parts[2][SIGNED_PART + 1];

    if (finding == NULL)
        return;
    sign_part(parts[0], culprit);
    sign_part(parts[1], waiter);
    snprintf(finding->signature, sizeof finding->signature, "%s %s %s",
             stop_code_entry(finding->code)->slug, parts[0], parts[1]);
}

/*
 * What the harness did to itself comes before all else, since other findings may be its doing.
 * That an injection did not fire says nothing about what happened, so it comes last.
 */
static int weight(const struct finding *finding)
{
    switch (finding->severity) {
    case STOP_SEVERITY_HARNESS:
        return finding->code == STOP_HARNESS_INJECTION_NOT_FIRED ? 3 : 0;
    case STOP_SEVERITY_FINDING:
        return 1;
    default:
        return 2;
    }
}

/* Ends in the text, so that the order never depends on who was looked at first. */
static int compare(const void *a, const void *b)
{
    const struct finding *x = a;
    const struct finding *y = b;
    int difference = weight(x) - weight(y);

    if (difference == 0)
        difference = stop_code_rank(x->code) - stop_code_rank(y->code);
    if (difference == 0)
        difference = strcmp(x->signature, y->signature);
    return difference != 0 ? difference : strcmp(x->line[0], y->line[0]);
}

static struct finding *same_code(struct judgement *judgement, unsigned before, enum stop_code code)
{
    for (unsigned i = 0; i < before; i++)
        if (judgement->finding[i].code == code)
            return &judgement->finding[i];
    return NULL;
}

static void append(struct finding *to, const struct finding *from)
{
    if (from->lines == 0)
        return;
    if (to->lines > 0)
        finding_say(to, "also:");
    for (unsigned i = 0; i < from->lines && i < FINDING_LINES; i++)
        finding_say(to, "%s", from->line[i]);
    for (unsigned i = 0; i < from->waits && i < FINDING_WAITS; i++)
        finding_wait(to, from->wait[i].waiter, from->wait[i].what, from->wait[i].owner,
                     from->wait[i].state);
}

void judgement_order(struct judgement *judgement)
{
    unsigned kept = 0;

    if (judgement->findings > FINDINGS_PER_CYCLE)
        judgement->findings = FINDINGS_PER_CYCLE;
    qsort(judgement->finding, judgement->findings, sizeof judgement->finding[0], compare);
    for (unsigned i = 0; i < judgement->findings; i++) {
        struct finding *finding = &judgement->finding[i];
        struct finding *first = same_code(judgement, kept, finding->code);

        if (first != NULL)
            append(first, finding);
        else if (kept++ != i)
            judgement->finding[kept - 1] = *finding;
    }
    judgement->findings = kept;
}

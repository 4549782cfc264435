/*
 * leak-unreachable: blocks that no pointer leads to any more, by allocation site.
 *
 * A program that ends need not free what it has, and many let go of a block or two on the way. So
 * it is a finding where the user asked for it, or where it is the laps' own doing: a block for at
 * least every second lap from one allocation site. All else is nobody's business.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/evidence.h>

#include <inttypes.h>
#include <stdio.h>

enum { SITES_TOLD = 8, LAPS_LEAST = 8 };

static bool is_told(const struct evidence_reach *reach, const struct evidence_leak *leak)
{
    if (leak->blocks == 0)
        return false;
    return reach->asked || (reach->laps >= LAPS_LEAST && leak->blocks >= reach->laps / 2);
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void say_leak(struct finding *finding, const struct evidence *evidence,
                     const struct evidence_leak *leak)
{
    char text[EVIDENCE_TEXT_BYTES] = "an unknown place";

    if (leak->caller != 0)
        evidence_caller_text(evidence, leak->caller, text);
    finding_say(finding, "%" PRIu64 " block%s, %" PRIu64 " byte%s, allocated by %s%s", leak->blocks,
                plural(leak->blocks), leak->bytes, plural(leak->bytes), text,
                leak->heads == 0 ? " (other lost blocks point to them)" : "");
}

/* What hangs on a lost block was lost with it: the one that was lost first is the culprit. */
static const struct evidence_leak *first_lost(const struct evidence_reach *reach)
{
    const struct evidence_leak *first = NULL;

    for (unsigned i = 0; i < reach->sites && i < EVIDENCE_LEAK_SITES; i++)
        if (is_told(reach, &reach->leak[i]) &&
            (first == NULL || (first->heads == 0 && reach->leak[i].heads > 0)))
            first = &reach->leak[i];
    return first;
}

static void sign(struct finding *finding, const struct evidence *evidence,
                 const struct evidence_leak *leak)
{
    char culprit[EVIDENCE_CULPRIT_BYTES] = "";

    if (leak->caller != 0)
        evidence_caller_culprit(evidence, leak->caller, culprit);
    finding_sign(finding, culprit, "");
}

static void say_all(struct finding *finding, const struct evidence *evidence,
                    const struct evidence_leak *first)
{
    const struct evidence_reach *reach = &evidence->reach;
    unsigned told = 1;

    say_leak(finding, evidence, first);
    for (unsigned i = 0; i < reach->sites && i < EVIDENCE_LEAK_SITES && told < SITES_TOLD; i++)
        if (&reach->leak[i] != first && is_told(reach, &reach->leak[i])) {
            say_leak(finding, evidence, &reach->leak[i]);
            told++;
        }
    finding_say(finding,
                "no pointer leads to %" PRIu64 " of %" PRIu64 " blocks, %" PRIu64 " bytes in all",
                reach->blocks, reach->live, reach->bytes);
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    const struct evidence_leak *first;
    struct finding *finding;

    if (!evidence->reach.scanned)
        return;
    first = first_lost(&evidence->reach);
    if (first == NULL)
        return;
    finding = judgement_add(judgement, STOP_LEAK_UNREACHABLE);
    say_all(finding, evidence, first);
    sign(finding, evidence, first);
}

const struct detector detector_leak_unreachable = {
    .name = "leak-unreachable",
    .summary = "heap blocks that no pointer leads to",
    .codes = "leak.unreachable",
    .judge = judge,
};
